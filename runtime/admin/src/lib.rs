//! HTTP for operators and orchestrators: `/livez`, `/readyz`, `/metrics`, `/v1/status`, `/v1/reload` and
//! `/v1/handlers/…`.
//!
//! It decides nothing: what changes something is asked of the daemon. A rebalance never fails `/livez`; `/readyz` says in plain words what is missing.
#![forbid(unsafe_code)]

mod handlers;
mod here;
mod reload;

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use pelton_daemon::{Daemon, Lives, Metrics, Status};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use here::MARK;

/// The content type of OpenMetrics text.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Why there is no admin listener.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address can't be listened on.
    #[error(
        "can't listen on {address} for health and metrics; choose another [admin] listen, or enabled = false"
    )]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// Serving ended.
    #[error("the admin listener ended")]
    Serve(#[source] std::io::Error),
}

/// A bound listener that does not answer yet.
pub struct Admin {
    listener: TcpListener,
    routes: Router,
}

#[derive(Clone)]
struct Shown {
    status: Status,
    lives: Lives,
    metrics: Arc<Metrics>,
}

impl Admin {
    /// Binds the address; port 0 takes a free one.
    pub async fn bind(address: SocketAddr, daemon: &Daemon) -> Result<Self, Error> {
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| Error::Listen { address, source })?;
        let shown = Shown {
            status: daemon.status(),
            lives: daemon.lives(),
            metrics: daemon.metrics(),
        };
        let control = daemon.control();
        let routes = Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics_text))
            .route("/v1/status", get(overview))
            .with_state(shown)
            .merge(handlers::routes(control.clone()))
            .merge(reload::routes(control));
        Ok(Self { listener, routes })
    }

    /// The address that was bound.
    pub fn address(&self) -> Result<SocketAddr, Error> {
        self.listener.local_addr().map_err(Error::Serve)
    }

    /// Answers until told to stop.
    pub async fn serve(self, stop: CancellationToken) -> Result<(), Error> {
        let routes = self
            .routes
            .into_make_service_with_connect_info::<SocketAddr>();
        axum::serve(self.listener, routes)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await
            .map_err(Error::Serve)
    }
}

/// The loop that answers this is one of the loops that must move.
async fn livez() -> &'static str {
    "live\n"
}

async fn readyz(State(shown): State<Shown>) -> impl IntoResponse {
    let reasons = shown.status.not_ready();
    match reasons.is_empty() {
        true => (StatusCode::OK, "ready\n".to_owned()),
        false => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n"),
    }
}

async fn overview(State(shown): State<Shown>) -> Response {
    here::json(StatusCode::OK, &shown.lives.overview())
}

async fn metrics_text(State(shown): State<Shown>) -> impl IntoResponse {
    ([(CONTENT_TYPE, OPENMETRICS)], shown.metrics.encode())
}
