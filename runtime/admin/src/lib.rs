//! HTTP for operators and orchestrators: `/livez`, `/readyz`, `/metrics`, `/v1/status`, `/v1/reload` and
//! `/v1/handlers/…`; all of it stands in `routes`, and is described at `/v1/openapi.json`. For people there is the
//! dashboard at `/`, which asks those.
//!
//! It decides nothing: what changes something is asked of the daemon. `/livez` says which loop hangs, and neither a
//! rebalance nor an outage fails it; `/readyz` says in plain words what is missing.
//!
//! Start reading at `routes`, where every address stands, then `gate`, which says who may.
#![forbid(unsafe_code)]

mod answer;
mod dashboard;
mod gate;
mod handlers;
mod here;
mod history;
mod letters;
mod lines;
mod openapi;
mod probes;
mod query;
mod reload;
mod routes;
mod status;

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::Router;
use pelton_daemon::{Configured, Control, Daemon, Liveness, Lives, Metrics};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use self::{gate::Gate, history::History};
pub use here::MARK;
pub use lines::{LastLines, Line};

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
    /// There is no token to ask for.
    #[error("{0}; put one there: [admin] token-file names it")]
    Token(String),
    /// Serving ended.
    #[error("the admin listener ended")]
    Serve(#[source] std::io::Error),
}

/// A bound listener that does not answer yet.
pub struct Admin {
    listener: TcpListener,
    routes: Router,
    history: History,
    lives: Lives,
}

/// What the routes answer from.
#[derive(Clone)]
pub(crate) struct App {
    liveness: Liveness,
    lives: Lives,
    metrics: Arc<Metrics>,
    control: Control,
    configured: Configured,
    history: History,
    lines: LastLines,
    gate: Gate,
}

impl Admin {
    /// Binds the address; port 0 takes a free one. `lines` is where the log leaves its last ones. Where there is a file with a token, what is under `/v1` is answered
    /// only to who shows it.
    ///
    /// # Errors
    /// The address can't be listened on, or the file holds no token.
    pub async fn bind(
        address: SocketAddr,
        token_file: Option<PathBuf>,
        lines: LastLines,
        daemon: &Daemon,
    ) -> Result<Self, Error> {
        let gate = Gate::new(token_file);
        gate.check().await.map_err(Error::Token)?;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| Error::Listen { address, source })?;
        let (history, lives) = (History::default(), daemon.lives());
        let routes = routes::router(App {
            liveness: daemon.liveness(),
            lives: lives.clone(),
            history: history.clone(),
            lines,
            metrics: daemon.metrics(),
            control: daemon.control(),
            configured: daemon.configured(),
            gate,
        });
        Ok(Self {
            listener,
            routes,
            history,
            lives,
        })
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
        let serving = axum::serve(self.listener, routes)
            .with_graceful_shutdown(stop.cancelled_owned())
            .into_future();
        tokio::select! {
            served = serving => served.map_err(Error::Serve),
            never = self.history.keep(self.lives) => match never {},
        }
    }
}
