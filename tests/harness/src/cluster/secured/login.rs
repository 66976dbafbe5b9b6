//! The ways to log in, each as a daemon is configured for it.

use std::{fs, path::Path};

use anyhow::Result;

use super::Identity;

/// How a daemon logs in.
#[derive(Clone, Copy, Debug)]
pub enum Login<'a> {
    /// By the password, SASL SCRAM-SHA-512.
    Scram(&'a str),
    /// By the password, SASL PLAIN.
    Plain(&'a str),
    /// By a certificate of its own, or without one where it is asked for.
    Certificate(Option<&'a Identity>),
    /// By the token in its file, which need not be there, SASL OAUTHBEARER.
    Token(Option<&'a str>),
}

/// The token's file in a daemon's folder.
pub const TOKEN_FILE: &str = "kafka.token";

impl Login<'_> {
    /// Whether it goes to the listener that asks for certificates.
    pub(super) fn is_mutual(self) -> bool {
        matches!(self, Self::Certificate(_))
    }

    /// What stands in the cluster's table beside its servers, and the properties.
    pub(super) fn config(self, user: &str) -> String {
        let by_sasl = |mechanism: &str| {
            format!(
                "[clusters.default.properties]\nssl.ca.location = \"ca.pem\"\n\
                 security.protocol = \"SASL_SSL\"\nsasl.mechanism = \"{mechanism}\"\n"
            )
        };
        let by_password = |mechanism: &str| {
            by_sasl(mechanism)
                + &format!("sasl.username = \"{user}\"\nsasl.password = \"${{file:password}}\"\n")
        };
        match self {
            Self::Scram(_) => by_password("SCRAM-SHA-512"),
            Self::Plain(_) => by_password("PLAIN"),
            Self::Token(_) => {
                format!("oauth-token-file = \"{TOKEN_FILE}\"\n") + &by_sasl("OAUTHBEARER")
            }
            Self::Certificate(own) => {
                let own = own.map_or("", |_| {
                    "ssl.certificate.pem = \"${file:client.pem}\"\nssl.key.pem = \"${file:client.key}\"\n"
                });
                format!(
                    "[clusters.default.properties]\nssl.ca.location = \"ca.pem\"\n\
                     security.protocol = \"SSL\"\n{own}"
                )
            }
        }
    }

    /// Writes the secrets to the daemon's folder.
    ///
    /// # Errors
    /// When they can't be written.
    pub fn write(self, folder: &Path) -> Result<()> {
        match self {
            Self::Scram(password) | Self::Plain(password) => {
                fs::write(folder.join("password"), format!("{password}\n"))?;
            }
            Self::Certificate(Some(own)) => {
                fs::write(folder.join("client.pem"), &own.certificate)?;
                fs::write(folder.join("client.key"), &own.key)?;
            }
            Self::Token(Some(token)) => fs::write(folder.join(TOKEN_FILE), token)?,
            Self::Certificate(None) | Self::Token(None) => {}
        }
        Ok(())
    }
}
