//! What an operator asks of a handler: `/v1/handlers/NAME/revisions`, `…/reload`, `…/rollback`.
//!
//! Invariant: what changes something is only done for who is on this machine, and for no web page: a browser adds
//! [`MARK`] to no request that it makes for another site without asking first, and is never told that it may.

use std::net::SocketAddr;

use axum::{
    Router,
    extract::{ConnectInfo, Path, RawQuery, Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use pelton_daemon::{Ask, Control, ControlError};
use serde::Serialize;

/// A header that requests which change something have; its value doesn't matter.
pub const MARK: &str = "x-pelton";

/// What went wrong, as JSON.
#[derive(Serialize)]
struct Wrong {
    error: String,
}

pub(crate) fn routes(control: Control) -> Router {
    let changing = Router::new()
        .route("/v1/handlers/{handler}/reload", post(reload))
        .route("/v1/handlers/{handler}/rollback", post(roll_back))
        .layer(middleware::from_fn(only_from_here));
    Router::new()
        .route("/v1/handlers/{handler}/revisions", get(revisions))
        .merge(changing)
        .with_state(control)
}

async fn only_from_here(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    request: Request,
    next: Next,
) -> Response {
    if !peer.ip().to_canonical().is_loopback() {
        let error = "handlers are changed only from the daemon's own machine".to_owned();
        return json(StatusCode::FORBIDDEN, &Wrong { error });
    }
    if !headers.contains_key(MARK) {
        let error = format!("a request that changes something needs the header {MARK}");
        return json(StatusCode::FORBIDDEN, &Wrong { error });
    }
    next.run(request).await
}

async fn reload(
    State(control): State<Control>,
    Path(handler): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let force = query.as_deref() == Some("force=true");
    answer(&control, &handler, Ask::Reload { force }).await
}

async fn roll_back(State(control): State<Control>, Path(handler): Path<String>) -> Response {
    answer(&control, &handler, Ask::RollBack).await
}

async fn revisions(State(control): State<Control>, Path(handler): Path<String>) -> Response {
    answer(&control, &handler, Ask::Revisions).await
}

/// 200 with how things stand; 409 with the same where nothing came of it.
async fn answer(control: &Control, handler: &str, ask: Ask) -> Response {
    match control.ask(handler, ask).await {
        Ok(report) if report.problem.is_some() => json(StatusCode::CONFLICT, &report),
        Ok(report) => json(StatusCode::OK, &report),
        Err(error) => {
            let status = match error {
                ControlError::Unknown { .. } => StatusCode::NOT_FOUND,
                ControlError::Stopping(_) => StatusCode::SERVICE_UNAVAILABLE,
            };
            let error = error.to_string();
            json(status, &Wrong { error })
        }
    }
}

fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => (status, [(CONTENT_TYPE, "application/json")], text + "\n").into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
