//! What requests need of the machine: names resolved, and certificate authorities.

use std::{
    io,
    net::{IpAddr, ToSocketAddrs},
    pin::Pin,
    sync::Arc,
};

use tokio::sync::Semaphore;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};

/// Names that are looked up at once, for all handlers together.
const LOOKUPS: usize = 32;

/// Addresses of a name, in the order in which they are to be tried.
pub type Addresses<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Resolves names.
pub trait Names: Send + Sync {
    /// The addresses of a name.
    fn resolve<'a>(&'a self, name: &'a str) -> Addresses<'a>;
}

/// The machine's network, as HTTP requests of guests use it.
#[derive(Clone)]
pub struct Network {
    pub(crate) names: Arc<dyn Names>,
    authorities: Authorities,
}

#[derive(Clone)]
enum Authorities {
    System,
    These(Vec<CertificateDer<'static>>),
}

impl Network {
    /// The system's resolver, and the certificate authorities that it trusts: those of its store, or of the file and
    /// folder that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
    pub fn system() -> Self {
        Self {
            names: Arc::new(System {
                lookups: Arc::new(Semaphore::new(LOOKUPS)),
            }),
            authorities: Authorities::System,
        }
    }

    /// Other names, and other certificate authorities, in DER.
    pub fn with(names: Arc<dyn Names>, authorities: Vec<Vec<u8>>) -> Self {
        let authorities = authorities.into_iter().map(CertificateDer::from).collect();
        Self {
            names,
            authorities: Authorities::These(authorities),
        }
    }

    /// What TLS is spoken with. An error says what is wrong, and what to do.
    pub(crate) fn tls(&self) -> Result<ClientConfig, String> {
        let (found, errors) = match &self.authorities {
            Authorities::System => {
                let read = rustls_native_certs::load_native_certs();
                (read.certs, read.errors)
            }
            Authorities::These(these) => (these.clone(), Vec::new()),
        };
        let mut roots = RootCertStore::empty();
        // Stores hold certificates that nobody can read any more; the others still count.
        roots.add_parsable_certificates(found);
        if roots.is_empty() {
            let errors: String = errors.iter().map(|error| format!(" ({error})")).collect();
            return Err(format!(
                "no certificate authority is found{errors}; install `ca-certificates`, or name a file of them in the \
                 variable SSL_CERT_FILE"
            ));
        }
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS can't be set up: {error}"))?;
        Ok(config.with_root_certificates(roots).with_no_client_auth())
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").finish_non_exhaustive()
    }
}

/// The system's resolver. A look-up holds a thread and can't be broken off, so there are only so many at once: else
/// requests that are given up would take all of the runtime's threads while a name server is silent.
struct System {
    lookups: Arc<Semaphore>,
}

impl Names for System {
    fn resolve<'a>(&'a self, name: &'a str) -> Addresses<'a> {
        Box::pin(async move {
            let permit = self.lookups.clone().acquire_owned().await;
            let permit = permit.map_err(io::Error::other)?;
            let name = name.to_owned();
            let found = tokio::task::spawn_blocking(move || {
                let _until_answered = permit;
                (name, 0).to_socket_addrs()
            });
            let found = found.await.map_err(io::Error::other)??;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}
