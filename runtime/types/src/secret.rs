//! Which client properties must never be printed.

/// Parts of the names of librdkafka properties whose values are secret.
const SECRET: [&str; 7] = [
    "password",
    "passphrase",
    "secret",
    "key.pem",
    "token",
    "jaas",
    "oauthbearer.config",
];

/// Whether a librdkafka property holds a secret, so that nothing said about its value may be repeated.
pub fn is_secret_property(name: &str) -> bool {
    SECRET.iter().any(|part| name.contains(part))
}
