//! How everybody is answered: in JSON, also about what went wrong.

use axum::{
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use pelton_daemon::ControlError;
use schemars::JsonSchema;
use serde::Serialize;

/// What went wrong, in plain words.
#[derive(Serialize, JsonSchema)]
pub(crate) struct Wrong {
    /// What, and what to do about it.
    pub error: String,
}

/// What went wrong, as an answer.
pub(crate) fn wrong(status: StatusCode, error: impl Into<String>) -> Response {
    let error = error.into();
    json(status, &Wrong { error })
}

/// Why nothing was asked of the daemon, or not answered.
pub(crate) fn failed(error: &ControlError) -> Response {
    let status = match error {
        ControlError::Unknown { .. } => StatusCode::NOT_FOUND,
        ControlError::Stopping(_) | ControlError::Ending => StatusCode::SERVICE_UNAVAILABLE,
    };
    wrong(status, error.to_string())
}

pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_string(body) {
        Ok(text) => (status, [(CONTENT_TYPE, "application/json")], text + "\n").into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
