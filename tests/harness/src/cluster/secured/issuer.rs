//! Who issues tokens: JWTs (RFC 7519) signed by ES256, whose key a broker finds in a set of keys (RFC 7517).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as BASE64};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING as ES256, EcdsaKeyPair, KeyPair},
};
use serde_json::json;

/// For whom tokens are.
pub(super) const AUDIENCE: &str = "kafka-of-the-tests";
const KEY: &str = "of-the-tests";

/// Signs tokens by a key of its own.
#[derive(Clone, Debug)]
pub struct Issuer {
    key: Vec<u8>,
}

impl Issuer {
    pub(super) fn new() -> Result<Self> {
        let key = EcdsaKeyPair::generate_pkcs8(&ES256, &SystemRandom::new());
        let key = key.map_err(|_| anyhow!("no key for tokens"))?;
        Ok(Self {
            key: key.as_ref().to_vec(),
        })
    }

    /// What a broker needs to check its tokens.
    pub(super) fn keys(&self) -> Result<String> {
        let pair = self.pair()?;
        // An uncompressed point: a mark, then both coordinates.
        let (_, point) = pair
            .public_key()
            .as_ref()
            .split_first()
            .context("a point")?;
        let (x, y) = point.split_at(point.len() / 2);
        let key = json!({
            "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": KEY,
            "x": BASE64.encode(x), "y": BASE64.encode(y),
        });
        Ok(json!({ "keys": [key] }).to_string())
    }

    /// A token of this user that expires so long from now, or before now by one second where that is nothing.
    ///
    /// # Errors
    /// When it can't be signed.
    pub fn token(&self, user: &str, life: Duration) -> Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let expires = match life.as_secs() {
            0 => now - 1,
            life => now + life,
        };
        let header = json!({ "alg": "ES256", "typ": "JWT", "kid": KEY });
        let claims = json!({
            "iss": "the-tests", "aud": AUDIENCE, "sub": user, "scope": "kafka",
            "iat": now - 10, "exp": expires,
        });
        let part = |part: serde_json::Value| BASE64.encode(part.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.pair()?.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map_err(|_| anyhow!("the token can't be signed"))?;
        Ok(format!("{signed}.{}", BASE64.encode(signature)))
    }

    fn pair(&self) -> Result<EcdsaKeyPair> {
        EcdsaKeyPair::from_pkcs8(&ES256, &self.key, &SystemRandom::new())
            .map_err(|why| anyhow!("the key of tokens: {why}"))
    }
}
