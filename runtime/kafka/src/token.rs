//! The token that SASL OAUTHBEARER shows to brokers, from a file that somebody else renews.
//!
//! Invariant: nothing of the token stands in what is said about it.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rdkafka::ClientConfig;
use serde_json::Value;

/// The property that librdkafka leaves to whoever fetches tokens.
pub(crate) const PROPERTY: &str = "sasl.oauthbearer.config";
/// How it says that tokens come from a file.
const FROM_FILE: &str = "token-file=";
/// What is longer than this is no token: brokers refuse such a request.
const LARGEST: u64 = 512 << 10;
/// The year 9999, in seconds since 1970: no later time is printed.
const LATEST: Duration = Duration::from_secs(253_370_764_800);

/// Whether a client of this configuration takes its tokens from a file.
pub(crate) fn is_from_file(config: &ClientConfig) -> bool {
    config.get(PROPERTY).and_then(file).is_some()
}

/// The file that the property's value names.
pub(crate) fn file(value: &str) -> Option<&Path> {
    value.strip_prefix(FROM_FILE).map(Path::new)
}

/// A token that has not expired.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// As it goes to brokers.
    pub(crate) text: String,
    /// Whose it is, for what librdkafka says of it.
    pub(crate) principal: String,
    /// When it expires, since 1970.
    pub(crate) expires: Duration,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{} can't be read: {why}", .path.display())]
    Unreadable { path: PathBuf, why: io::Error },
    #[error("{} holds no JWT that says when it expires (`exp`)", .0.display())]
    NoToken(PathBuf),
    #[error(
        "the token in {} expired at {}",
        .path.display(),
        humantime::format_rfc3339_seconds(UNIX_EPOCH + *.expires)
    )]
    Expired { path: PathBuf, expires: Duration },
}

impl Token {
    /// What the file holds now.
    pub(crate) fn read(path: &Path, now: SystemTime) -> Result<Self, Error> {
        let text = content(path).map_err(|why| Error::Unreadable {
            path: path.to_owned(),
            why,
        })?;
        let token = Self::parse(text.trim()).ok_or_else(|| Error::NoToken(path.to_owned()))?;
        if UNIX_EPOCH + token.expires <= now {
            return Err(Error::Expired {
                path: path.to_owned(),
                expires: token.expires,
            });
        }
        Ok(token)
    }

    /// A JWT (RFC 7519): header, claims and signature. Whether it is to be trusted is for the brokers to say.
    fn parse(text: &str) -> Option<Self> {
        let [_, claims, _] = text.split('.').collect::<Vec<_>>().try_into().ok()?;
        let printable = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if !text.chars().all(printable) {
            return None;
        }
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
        let claims: Value = serde_json::from_slice(&claims).ok()?;
        let expires = Duration::try_from_secs_f64(claims.get("exp")?.as_f64()?).ok()?;
        let principal = claims.get("sub").and_then(Value::as_str);
        Some(Self {
            text: text.to_owned(),
            principal: principal.unwrap_or("unknown").replace('\0', ""),
            expires: expires.min(LATEST),
        })
    }
}

fn content(path: &Path) -> io::Result<String> {
    // A pipe would be waited for.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut text = String::new();
    File::open(path)?.take(LARGEST).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An unsecured token with these claims.
    fn token(claims: &str) -> String {
        let part = |text: &str| BASE64_URL_SAFE_NO_PAD.encode(text);
        format!("{}.{}.c2ln", part(r#"{"alg":"RS256"}"#), part(claims))
    }

    fn read(text: &str) -> Result<Token, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        fs::write(&path, text).expect("a file");
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        Token::read(&path, now).map_err(|error| error.to_string())
    }

    #[test]
    fn a_token_tells_whose_it_is_and_when_it_expires() {
        let text = token(r#"{"sub":"pelton","exp":1001.5}"#);
        let read = read(&format!("{text}\n")).expect("a token");
        assert_eq!(read.text, text);
        assert_eq!(read.principal, "pelton");
        assert_eq!(read.expires, Duration::from_millis(1_001_500));
    }

    #[test]
    fn an_expired_token_is_none() {
        let said = read(&token(r#"{"exp":1000}"#)).expect_err("expired");
        assert!(said.ends_with("expired at 1970-01-01T00:16:40Z"), "{said}");
    }

    #[test]
    fn what_is_no_token_is_said_to_be_none_and_not_repeated() {
        let endless = token(r#"{"sub":"x"}"#);
        let negative = token(r#"{"exp":-1}"#);
        for text in ["", "hunter2", "hunter2.x.y", "a.b", &endless, &negative] {
            let said = read(text).expect_err("no token");
            assert!(said.contains("holds no JWT"), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        let forged = format!("{}\u{1}auth=x", token(r#"{"exp":2000}"#));
        assert!(read(&forged).is_err());
    }

    #[test]
    fn a_time_beyond_all_clocks_is_one() {
        assert!(read(&token(r#"{"exp":1e15}"#)).is_ok());
    }

    #[test]
    fn a_missing_file_is_told_with_its_path() {
        let said = Token::read(Path::new("/none/token"), UNIX_EPOCH).expect_err("none");
        assert!(
            said.to_string()
                .starts_with("/none/token can't be read: No such file"),
            "{said}"
        );
        let folder = Token::read(Path::new("/"), UNIX_EPOCH).expect_err("a folder");
        assert_eq!(folder.to_string(), "/ can't be read: it is no file");
    }
}
