//! How everything stands: `/v1/status`.

use axum::{extract::State, http::StatusCode, response::Response};

use crate::{App, answer::json};

pub(crate) async fn status(State(app): State<App>) -> Response {
    json(StatusCode::OK, &app.lives.overview())
}
