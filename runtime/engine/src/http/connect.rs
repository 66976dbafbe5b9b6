//! Connections to granted origins.
//!
//! Invariant: a name is resolved once for a connection, its addresses are judged, and the connection goes to one that
//! was admitted. Nothing resolves the name again.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::{
    client::legacy::connect::{Connected, Connection},
    rt::TokioIo,
};
use pelton_types::{Host, Origin, Scheme};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{self, pki_types::ServerName},
};
use tokio_util::either::Either;
use tower_service::Service;

use super::{address::Reach, network::Names, origins::Origins};

/// How long one address is tried, and how long all that makes a connection may take.
const ADDRESS_TIME: Duration = Duration::from_secs(5);
const CONNECT_TIME: Duration = Duration::from_secs(20);

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("the origin is not granted")]
    NotGranted,
    #[error("the name can't be resolved: {0}")]
    Unresolved(io::Error),
    #[error("the name stands for no address that may be reached")]
    Prohibited,
    #[error("{0}")]
    Unreachable(io::Error),
    #[error("TLS: {0}")]
    Tls(io::Error),
    #[error("it took too long")]
    TimeOut,
}

/// Makes connections for hyper's client.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) origins: Arc<Origins>,
    pub(crate) names: Arc<dyn Names>,
    pub(crate) tls: Option<TlsConnector>,
}

impl Connector {
    async fn connect(self, uri: Uri) -> Result<Wire, ConnectError> {
        let (origin, reach) = self.origins.of(&uri).ok_or(ConnectError::NotGranted)?;
        let stream = self.reach(origin, reach).await?;
        // What waits for a whole packet waits for the other side's delayed acknowledgement.
        stream
            .set_nodelay(true)
            .map_err(ConnectError::Unreachable)?;
        let stream = match (origin.scheme(), &self.tls) {
            (Scheme::Http, _) => Either::Left(stream),
            (Scheme::Https, Some(tls)) => {
                let name = server_name(origin)?;
                let stream = tls.connect(name, stream).await.map_err(ConnectError::Tls)?;
                Either::Right(Box::new(stream))
            }
            (Scheme::Https, None) => return Err(ConnectError::NotGranted),
        };
        Ok(Wire(TokioIo::new(stream)))
    }

    /// Connects to the first address that is admitted and answers.
    async fn reach(&self, origin: &Origin, reach: Reach) -> Result<TcpStream, ConnectError> {
        let addresses: Vec<IpAddr> = match origin.host() {
            Host::V4(address) => vec![(*address).into()],
            Host::V6(address) => vec![(*address).into()],
            Host::Name(name) => {
                let resolved = self.names.resolve(name).await;
                resolved.map_err(ConnectError::Unresolved)?
            }
        };
        let mut failed = ConnectError::Prohibited;
        for address in addresses
            .into_iter()
            .filter(|address| reach.admits(*address))
        {
            let to = SocketAddr::new(address, origin.port());
            match timeout(ADDRESS_TIME, TcpStream::connect(to)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failed = ConnectError::Unreachable(error),
                Err(_) => failed = ConnectError::TimeOut,
            }
        }
        Err(failed)
    }
}

/// The name that the other side's certificate must have.
fn server_name(origin: &Origin) -> Result<ServerName<'static>, ConnectError> {
    let name = match origin.host() {
        Host::Name(name) => ServerName::try_from(name.clone()),
        Host::V4(address) => Ok(IpAddr::from(*address).into()),
        Host::V6(address) => Ok(IpAddr::from(*address).into()),
    };
    name.map_err(|error| ConnectError::Tls(io::Error::other(error)))
}

impl ConnectError {
    /// Whether the other side's certificate is at fault.
    pub(crate) fn is_certificate(&self) -> bool {
        let Self::Tls(error) = self else { return false };
        let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
        matches!(cause, Some(rustls::Error::InvalidCertificate(_)))
    }
}

impl Service<Uri> for Connector {
    type Response = Wire;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Wire, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.clone().connect(uri);
        Box::pin(async move {
            let connected = timeout(CONNECT_TIME, connecting).await;
            connected.unwrap_or(Err(ConnectError::TimeOut))
        })
    }
}

/// A connection, in the clear or over TLS.
pub(crate) struct Wire(TokioIo<Either<TcpStream, Box<TlsStream<TcpStream>>>>);

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl hyper::rt::Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl hyper::rt::Write for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
