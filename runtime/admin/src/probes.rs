//! For orchestrators and scrapers: `/livez`, `/readyz` and `/metrics`.

use axum::{
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
};

use crate::App;

/// The content type of OpenMetrics text.
pub(crate) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The loop that answers this is one of the loops that must move; the others are looked at.
pub(crate) async fn live(State(app): State<App>) -> impl IntoResponse {
    unless("live\n", &app.liveness.hung())
}

pub(crate) async fn ready(State(app): State<App>) -> impl IntoResponse {
    unless("ready\n", &app.lives.not_ready())
}

/// What is answered unless there are reasons not to, a line for each.
fn unless(well: &str, reasons: &[String]) -> (StatusCode, String) {
    match reasons.is_empty() {
        true => (StatusCode::OK, well.to_owned()),
        false => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n"),
    }
}

pub(crate) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    (
        [(CONTENT_TYPE, OPENMETRICS)],
        app.metrics.encode(&app.lives),
    )
}
