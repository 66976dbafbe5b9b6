//! For orchestrators and scrapers: `/livez`, `/readyz` and `/metrics`.

use axum::{
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};

use crate::App;

/// The content type of OpenMetrics text.
pub(crate) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The loop that answers this is one of the loops that must move.
pub(crate) async fn live() -> &'static str {
    "live\n"
}

pub(crate) async fn ready(State(app): State<App>) -> impl IntoResponse {
    let reasons = app.status.not_ready();
    match reasons.is_empty() {
        true => (StatusCode::OK, "ready\n".to_owned()),
        false => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n"),
    }
}

pub(crate) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, OPENMETRICS)],
        app.metrics.encode(&app.lives),
    )
}
