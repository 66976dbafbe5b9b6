//! What an operator asks of a handler: `/v1/handlers/NAME/revisions`, `…/reload`, `…/rollback`, `…/pause`, `…/resume`.

use axum::{
    Router,
    extract::{Path, RawQuery, State},
    http::StatusCode,
    middleware,
    response::Response,
    routing::{get, post},
};
use pelton_daemon::{Ask, Control};

use crate::here::{failed, json, only_from_here};

pub(crate) fn routes(control: Control) -> Router {
    let changing = Router::new()
        .route("/v1/handlers/{handler}/reload", post(reload))
        .route("/v1/handlers/{handler}/rollback", post(roll_back))
        .route("/v1/handlers/{handler}/pause", post(pause))
        .route("/v1/handlers/{handler}/resume", post(resume))
        .layer(middleware::from_fn(only_from_here));
    Router::new()
        .route("/v1/handlers/{handler}/revisions", get(revisions))
        .merge(changing)
        .with_state(control)
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

async fn pause(State(control): State<Control>, Path(handler): Path<String>) -> Response {
    suspend(&control, &handler, true)
}

async fn resume(State(control): State<Control>, Path(handler): Path<String>) -> Response {
    suspend(&control, &handler, false)
}

fn suspend(control: &Control, handler: &str, pause: bool) -> Response {
    match control.pause(handler, pause) {
        Ok(paused) => json(StatusCode::OK, &paused),
        Err(error) => failed(&error),
    }
}

async fn revisions(State(control): State<Control>, Path(handler): Path<String>) -> Response {
    answer(&control, &handler, Ask::Revisions).await
}

/// 200 with how things stand; 409 with the same where nothing came of it.
async fn answer(control: &Control, handler: &str, ask: Ask) -> Response {
    match control.ask(handler, ask).await {
        Ok(report) if report.problem.is_some() => json(StatusCode::CONFLICT, &report),
        Ok(report) => json(StatusCode::OK, &report),
        Err(error) => failed(&error),
    }
}
