//! The client of one revision: its connections, which are kept for its further requests, and its limits.

use std::{error::Error as _, io::ErrorKind, sync::Arc, time::Duration};

use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt;
use hyper_util::{
    client::legacy,
    rt::{TokioExecutor, TokioTimer},
};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use super::{
    body::Limited,
    connect::{ConnectError, Connector},
    exchange::{Exchange, Limits},
    network::Network,
    origins::Origins,
};
use crate::env;

/// Bytes of an answer's head, and of what is read ahead of its body.
const HEAD_BYTES: usize = 32 * 1024;
/// Lines of an answer's head.
const HEADERS: usize = 100;
/// How long a connection is kept without a request.
const IDLE: Duration = Duration::from_secs(30);

/// Sends a handler's requests.
pub(crate) struct Client {
    hyper: legacy::Client<Connector, Limited>,
    permits: Arc<Semaphore>,
    body_bytes: u64,
}

impl Client {
    /// For requests to these origins. An error says what is missing on this machine.
    pub(crate) fn new(
        origins: Arc<Origins>,
        limits: &env::Limits,
        network: &Network,
    ) -> Result<Self, String> {
        let tls = match origins.need_tls() {
            true => Some(TlsConnector::from(Arc::new(network.tls()?))),
            false => None,
        };
        let connector = Connector {
            origins,
            names: network.names.clone(),
            tls,
        };
        let requests = usize::try_from(limits.http_requests).unwrap_or(usize::MAX);
        let hyper = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(requests)
            .http1_max_buf_size(HEAD_BYTES)
            .http1_max_headers(HEADERS)
            .build(connector);
        Ok(Self {
            hyper,
            permits: Arc::new(Semaphore::new(requests.min(Semaphore::MAX_PERMITS))),
            body_bytes: limits.http_body_bytes as u64,
        })
    }

    /// Sends an admitted request. The whole exchange takes no longer than `left`.
    pub(crate) async fn send(
        &self,
        request: Request<WasiBody>,
        options: RequestOptions,
        left: Duration,
        exchange: Arc<Exchange>,
    ) -> Result<Response<WasiBody>, Error> {
        let began = Instant::now();
        let limits = Limits {
            bytes: self.body_bytes,
            until: began + left,
            between: options.between_bytes_timeout,
        };
        let connect = options.connect_timeout.unwrap_or_default();
        let head = options
            .first_byte_timeout
            .map_or(left, |first| first.saturating_add(connect));
        let asked = timeout_at(began + head.min(left), async {
            let permit = self.permits.clone().acquire_owned().await;
            let permit = permit.map_err(|_| Error::ConnectionLimitReached)?;
            let request = request.map(|body| Limited::new(body, self.body_bytes));
            let answer = self
                .hyper
                .request(request)
                .await
                .map_err(|error| failed(&error))?;
            Ok((permit, answer))
        });
        let asked = async { asked.await.unwrap_or(Err(Error::HttpResponseTimeout)) };
        let (permit, answer) = exchange.while_under_way(asked).await?;
        let told = answer.body().size_hint().lower();
        if told > limits.bytes {
            return Err(Error::HttpResponseBodySize(Some(told)));
        }
        Ok(answer.map(|body| exchange.open(body, limits, permit).boxed_unsync()))
    }
}

/// What a request that got no answer means to the guest.
fn failed(error: &legacy::Error) -> Error {
    let Some(cause) = error.source() else {
        return Error::HttpProtocolError;
    };
    if let Some(connect) = cause.downcast_ref::<ConnectError>() {
        return unconnected(connect);
    }
    match cause.downcast_ref::<hyper::Error>() {
        Some(error) => broken(error),
        None => Error::HttpProtocolError,
    }
}

fn unconnected(error: &ConnectError) -> Error {
    match error {
        ConnectError::NotGranted => Error::HttpRequestDenied,
        ConnectError::Unresolved(error) => Error::DnsError {
            rcode: Some(error.to_string()),
            info_code: None,
        },
        ConnectError::Prohibited => Error::DestinationIpProhibited,
        ConnectError::Unreachable(error) if error.kind() == ErrorKind::ConnectionRefused => {
            Error::ConnectionRefused
        }
        ConnectError::Unreachable(_) => Error::DestinationUnavailable,
        ConnectError::Tls(_) if error.is_certificate() => Error::TlsCertificateError,
        ConnectError::Tls(_) => Error::TlsProtocolError,
        ConnectError::TimeOut => Error::ConnectionTimeout,
    }
}

/// What an exchange that broke off means to the guest.
pub(super) fn broken(error: &hyper::Error) -> Error {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    if let Some(Error::HttpRequestBodySize(limit)) = cause {
        Error::HttpRequestBodySize(*limit)
    } else if error.is_parse_too_large() {
        Error::HttpResponseHeaderSectionSize(u32::try_from(HEAD_BYTES).ok())
    } else if error.is_timeout() {
        Error::HttpResponseTimeout
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Error::HttpResponseIncomplete
    } else {
        Error::HttpProtocolError
    }
}
