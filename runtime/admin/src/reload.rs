//! What an operator asks of the whole daemon: `/v1/reload`.

use axum::{extract::State, http::StatusCode, response::Response};

use crate::{
    App,
    answer::{failed, json},
};

/// 200 with what has changed; 409 with why the file was refused.
pub(crate) async fn reload(State(app): State<App>) -> Response {
    match app.control.reload().await {
        Ok(reload) if reload.problem.is_some() => json(StatusCode::CONFLICT, &reload),
        Ok(reload) => json(StatusCode::OK, &reload),
        Err(error) => failed(&error),
    }
}
