//! What an operator asks of the whole daemon: `/v1/reload`.

use axum::{
    Router, extract::State, http::StatusCode, middleware, response::Response, routing::post,
};
use pelton_daemon::Control;

use crate::here::{failed, json, only_from_here};

pub(crate) fn routes(control: Control) -> Router {
    Router::new()
        .route("/v1/reload", post(reload))
        .layer(middleware::from_fn(only_from_here))
        .with_state(control)
}

/// 200 with what has changed; 409 with why the file was refused.
async fn reload(State(control): State<Control>) -> Response {
    match control.reload().await {
        Ok(reload) if reload.problem.is_some() => json(StatusCode::CONFLICT, &reload),
        Ok(reload) => json(StatusCode::OK, &reload),
        Err(error) => failed(&error),
    }
}
