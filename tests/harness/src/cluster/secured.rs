//! Listeners with TLS beside the open one: one that asks for a password or a token, one that asks for a certificate.

mod certificates;
mod issuer;
mod login;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use anyhow::Result;

use super::{TestCluster, Version};
use crate::{DaemonOptions, Stage};
use certificates::Authority;

pub use certificates::Identity;
pub use issuer::Issuer;
pub use login::{Login, TOKEN_FILE};

/// How soon the broker wants a token shown anew, and what expires is refused.
const REAUTHENTICATE_MS: u32 = 5_000;

/// How to come in by the listeners that have TLS.
#[derive(Clone, Debug)]
pub struct Secured {
    /// What goes into `bootstrap-servers`, for SCRAM-SHA-512, PLAIN and OAUTHBEARER.
    pub bootstrap: String,
    /// The same, for certificates.
    pub mutual: String,
    /// The authority that clients must trust.
    pub authority: PathBuf,
    /// Another one, which has nothing to do with it.
    pub stranger: PathBuf,
    /// Who is known there.
    pub user: &'static str,
    /// That user's password.
    pub password: &'static str,
    /// A certificate that the broker trusts.
    pub identity: Identity,
    /// One that it trusted once.
    pub expired: Identity,
    /// One of somebody whom it doesn't know.
    pub unknown: Identity,
    /// Whose tokens the broker takes.
    pub issuer: Issuer,
    /// Whose tokens it doesn't take.
    pub other_issuer: Issuer,
    folder: PathBuf,
    ports: [u16; 2],
}

impl TestCluster {
    /// The cluster with passwords of this test process, started by whoever asks first.
    ///
    /// # Panics
    /// When it can't be started: no test that asks can go on.
    #[expect(
        clippy::panic,
        reason = "tests only, and the chain of the error is what has to be read"
    )]
    pub fn shared_secured() -> &'static (Self, Secured) {
        static SHARED: OnceLock<(TestCluster, Secured)> = OnceLock::new();
        SHARED.get_or_init(|| {
            Self::start_secured(Version::wanted()).unwrap_or_else(|error| panic!("{error:?}"))
        })
    }
}

impl Secured {
    /// Makes certificates and keys.
    pub(super) fn new(folder: &Path, ports: [u16; 2]) -> Result<Self> {
        let user = "pelton";
        let (ours, theirs) = (Authority::new("authority")?, Authority::new("stranger")?);
        let (authority, stranger) = (folder.join("authority.pem"), folder.join("stranger.pem"));
        fs::write(&authority, &ours.certificate)?;
        fs::write(&stranger, &theirs.certificate)?;
        let broker = ours.sign("broker")?;
        fs::write(folder.join("broker.pem"), broker.key + &broker.certificate)?;
        let issuer = Issuer::new()?;
        fs::write(folder.join("keys.json"), issuer.keys()?)?;
        Ok(Self {
            bootstrap: format!("127.0.0.1:{}", ports[0]),
            mutual: format!("127.0.0.1:{}", ports[1]),
            authority,
            stranger,
            user,
            password: "correct-horse-battery",
            identity: ours.sign(user)?,
            expired: ours.sign_expired(user)?,
            unknown: theirs.sign(user)?,
            issuer,
            other_issuer: Issuer::new()?,
            folder: folder.to_owned(),
            ports,
        })
    }

    /// A daemon of these handlers that logs in by SCRAM, ready to be started.
    ///
    /// # Errors
    /// As [`Secured::daemon_by`].
    pub fn daemon(
        &self,
        stages: &[&Stage],
        password: &str,
        authority: &Path,
    ) -> Result<DaemonOptions> {
        self.daemon_by(Login::Scram(password), stages, authority)
    }

    /// A daemon of these handlers that logs in like this and trusts this authority, ready to be started.
    ///
    /// # Errors
    /// When its files can't be written, or the guest isn't built.
    pub fn daemon_by(
        &self,
        login: Login<'_>,
        stages: &[&Stage],
        authority: &Path,
    ) -> Result<DaemonOptions> {
        let options = DaemonOptions::new("secured")?.component("passthrough")?;
        login.write(options.folder())?;
        fs::copy(authority, options.folder().join("ca.pem"))?;
        let mut config = format!(
            "[clusters.default]\nbootstrap-servers = [\"{}\"]\n{}",
            self.bootstrap_for(login),
            login.config(self.user)
        );
        for stage in stages {
            config.push_str(&stage.handler_config("passthrough", ""));
        }
        options.config(&config)
    }

    /// Where one goes who logs in like this.
    pub fn bootstrap_for(&self, login: Login<'_>) -> &str {
        if login.is_mutual() {
            &self.mutual
        } else {
            &self.bootstrap
        }
    }

    /// The listeners.
    pub(super) fn listeners(&self) -> String {
        let [secured, mutual] = self.ports;
        format!(",SECURED://127.0.0.1:{secured},MUTUAL://127.0.0.1:{mutual}")
    }

    /// What `kafka-storage format` is told, so that the user is known from the beginning.
    pub(super) fn scram(&self) -> String {
        format!(
            "SCRAM-SHA-512=[name={},password={}]",
            self.user, self.password
        )
    }

    /// Where the broker finds the issuer's keys; its JVM must be told that it may look there.
    pub(super) fn keys(&self) -> String {
        format!("file://{}", self.folder.join("keys.json").display())
    }

    /// The properties of the listeners.
    pub(super) fn properties(&self) -> String {
        let of = "listener.name.secured";
        let modules = "org.apache.kafka.common.security";
        let store = |listener: &str| {
            format!(
                "listener.name.{listener}.ssl.keystore.type=PEM\n\
                 listener.name.{listener}.ssl.keystore.location={}\n",
                self.folder.join("broker.pem").display()
            )
        };
        format!(
            "{of}.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN,OAUTHBEARER\n\
             {of}.scram-sha-512.sasl.jaas.config={modules}.scram.ScramLoginModule required;\n\
             {of}.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required user_{}=\"{}\";\n\
             {of}.oauthbearer.sasl.jaas.config={modules}.oauthbearer.OAuthBearerLoginModule required;\n\
             {of}.oauthbearer.sasl.server.callback.handler.class={modules}.oauthbearer.OAuthBearerValidatorCallbackHandler\n\
             {of}.oauthbearer.connections.max.reauth.ms={REAUTHENTICATE_MS}\n\
             sasl.oauthbearer.jwks.endpoint.url={}\n\
             sasl.oauthbearer.expected.audience={}\n\
             sasl.oauthbearer.clock.skew.seconds=0\n\
             listener.name.mutual.ssl.client.auth=required\n\
             listener.name.mutual.ssl.truststore.type=PEM\n\
             listener.name.mutual.ssl.truststore.location={}\n{}{}",
            self.user,
            self.password,
            self.keys(),
            issuer::AUDIENCE,
            self.authority.display(),
            store("secured"),
            store("mutual"),
        )
    }
}
