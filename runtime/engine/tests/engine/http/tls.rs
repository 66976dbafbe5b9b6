//! TLS: who answers proves to be whom the grant names.
//!
//! The certificates are valid until 2126. `authority.der` has signed `service.der` for api.example.com alone.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use pelton_engine::{Engine, Network};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivatePkcs8KeyDer},
    },
};

use super::{
    Known,
    guest::{Ask, granted, outcome},
    on,
    service::{Service, whole},
};
use crate::support;

pub const AUTHORITY: &[u8] = include_bytes!("certificates/authority.der");
const SERVICE: &[u8] = include_bytes!("certificates/service.der");
const KEY: &[u8] = include_bytes!("certificates/service-key.der");

/// Speaks TLS as api.example.com, and remembers the names that it was asked for.
struct Secured {
    address: SocketAddr,
    asked_for: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl Secured {
    async fn start() -> Self {
        let key = PrivatePkcs8KeyDer::from(KEY.to_vec()).into();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(SERVICE.to_vec())], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked_for = Arc::new(Mutex::new(Vec::new()));
        let theirs = asked_for.clone();
        let mut task = JoinSet::new();
        task.spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                // Whoever doesn't trust the certificate ends the handshake.
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let name = stream
                    .get_ref()
                    .1
                    .server_name()
                    .unwrap_or("none")
                    .to_owned();
                theirs.lock().unwrap().push(name);
                let mut request = [0; 1024];
                let read = stream.read(&mut request).await.unwrap();
                assert!(read > 0);
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret";
                stream.write_all(answer).await.unwrap();
            }
        });
        Self {
            address,
            asked_for,
            _task: task,
        }
    }
}

#[tokio::test]
async fn the_certificate_must_be_the_origin_s_and_of_a_known_authority() {
    let service = Secured::start().await;
    let port = service.address.port();
    let names = Known::new(&[
        ("api.example.com", &["127.0.0.1"]),
        ("other.example.com", &["127.0.0.1"]),
    ]);
    let origin = |name: &str| format!("https://{name}:{port}");
    for (name, expected) in [
        ("api.example.com", "200 6"),
        ("other.example.com", "certificate"),
        ("127.0.0.1", "certificate"),
    ] {
        let env = granted(&[&format!("private {}", origin(name))]);
        let told = outcome(&on(&names), &env, &Ask::get(&origin(name))).await;
        assert_eq!(told, expected, "{name}");
    }
    assert_eq!(*service.asked_for.lock().unwrap(), ["api.example.com"]);
    // The system's authorities have not signed it.
    let network = Network::with(names, vec![SERVICE.to_vec()]);
    let stranger = Engine::on_network(&support::settings(1), network).unwrap();
    let env = granted(&[&format!("private {}", origin("api.example.com"))]);
    let told = outcome(&stranger, &env, &Ask::get(&origin("api.example.com"))).await;
    assert_eq!(told, "certificate");
}

#[tokio::test]
async fn who_does_not_speak_tls_is_not_spoken_to_in_the_clear() {
    let plain = Service::start(whole("200 OK", "", "")).await;
    let origin = format!("https://api.example.com:{}", plain.address.port());
    let names = Known::new(&[("api.example.com", &["127.0.0.1"])]);
    let env = granted(&[&format!("private {origin}")]);
    let mut ask = Ask::get(&origin);
    ask.timeout = std::time::Duration::from_millis(200);
    let told = outcome(&on(&names), &env, &ask).await;
    // A server of plain HTTP waits for the end of a head that never comes.
    assert!(told == "tls" || told == "timed out", "{told}");
    assert!(plain.seen.requests.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_any_authority_a_grant_of_https_is_refused_when_it_is_loaded() {
    let network = Network::with(Known::new(&[]), Vec::new());
    let engine = Engine::on_network(&support::settings(1), network).unwrap();
    let component = Ask::get("https://api.example.com/").component();
    let refused = engine.load(&component, &granted(&["https://api.example.com"]));
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("ca-certificates"), "{refused}");
    assert!(
        engine
            .load(&component, &granted(&["http://api.example.com"]))
            .is_ok()
    );
}
