//! A listener with TLS and passwords beside the open one, and who may come by it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context, Result, ensure};

use super::{TestCluster, Version};
use crate::{DaemonOptions, Stage};

/// A password of the key store, which nobody has to guess.
const STORE: &str = "of-the-store";

/// How to come in by the listener that has TLS and SCRAM-SHA-512.
#[derive(Clone, Debug)]
pub struct Secured {
    /// What goes into `bootstrap-servers`.
    pub bootstrap: String,
    /// The certificate that clients must trust.
    pub authority: PathBuf,
    /// Another one, which has nothing to do with it.
    pub stranger: PathBuf,
    /// Who is known there.
    pub user: &'static str,
    /// That user's password.
    pub password: &'static str,
    store: PathBuf,
    port: u16,
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
    /// Makes the certificates, by the JDK's own tool.
    pub(super) fn new(folder: &Path, port: u16) -> Result<Self> {
        let (store, authority) = certificate(folder, "broker")?;
        let (_, stranger) = certificate(folder, "stranger")?;
        Ok(Self {
            bootstrap: format!("127.0.0.1:{port}"),
            authority,
            stranger,
            user: "pelton",
            password: "correct-horse-battery",
            store,
            port,
        })
    }

    /// A daemon of these handlers that comes by this listener, ready to be started.
    ///
    /// # Errors
    /// When its files can't be written, or the guest isn't built.
    pub fn daemon(
        &self,
        stages: &[&Stage],
        password: &str,
        authority: &Path,
    ) -> Result<DaemonOptions> {
        let options = DaemonOptions::new("secured")?.component("passthrough")?;
        let properties = self.properties_in(options.folder(), password, authority)?;
        let mut config = format!(
            "[clusters.default]\nbootstrap-servers = [\"{}\"]\n[clusters.default.properties]\n{properties}",
            self.bootstrap
        );
        for stage in stages {
            config.push_str(&stage.handler_config("passthrough", ""));
        }
        options.config(&config)
    }

    /// The listener.
    pub(super) fn listener(&self) -> String {
        format!(",SECURED://127.0.0.1:{}", self.port)
    }

    /// What `kafka-storage format` is told, so that the user is known from the beginning.
    pub(super) fn scram(&self) -> String {
        format!(
            "SCRAM-SHA-512=[name={},password={}]",
            self.user, self.password
        )
    }

    /// The properties of the listener.
    pub(super) fn properties(&self) -> String {
        let of = "listener.name.secured";
        format!(
            "{of}.sasl.enabled.mechanisms=SCRAM-SHA-512\n\
             {of}.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;\n\
             {of}.ssl.keystore.type=PKCS12\n\
             {of}.ssl.keystore.location={}\n\
             {of}.ssl.keystore.password={STORE}\n",
            self.store.display()
        )
    }

    /// The lines of `[clusters.NAME.properties]` for a daemon that has these files in its folder: `password` and `ca.pem`.
    fn properties_in(&self, folder: &Path, password: &str, authority: &Path) -> Result<String> {
        fs::write(folder.join("password"), format!("{password}\n"))?;
        fs::copy(authority, folder.join("ca.pem"))?;
        Ok(format!(
            "security.protocol = \"SASL_SSL\"\nsasl.mechanism = \"SCRAM-SHA-512\"\nsasl.username = {:?}\n\
             sasl.password = \"${{file:password}}\"\nssl.ca.location = \"ca.pem\"\n",
            self.user
        ))
    }
}

/// A key with its own signature on it, in a store, and the certificate as clients read it.
fn certificate(folder: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
    let (store, pem) = (
        folder.join(format!("{name}.p12")),
        folder.join(format!("{name}.pem")),
    );
    let make = "-genkeypair -keyalg EC -groupname secp256r1 -validity 3650 -ext san=ip:127.0.0.1,dns:localhost";
    keytool(&store, &format!("{make} -dname CN={name}"), None)?;
    keytool(&store, "-exportcert -rfc", Some(&pem))?;
    Ok((store, pem))
}

fn keytool(store: &Path, arguments: &str, to: Option<&Path>) -> Result<()> {
    let mut command = Command::new("keytool");
    command
        .args(arguments.split(' '))
        .args(["-alias", "own", "-storetype", "PKCS12", "-storepass", STORE])
        .arg("-keystore")
        .arg(store);
    if let Some(file) = to {
        command.arg("-file").arg(file);
    }
    let done = command.output().context("can't run the JDK's keytool")?;
    let said = String::from_utf8_lossy(&done.stdout);
    ensure!(done.status.success(), "keytool: {said}");
    Ok(())
}
