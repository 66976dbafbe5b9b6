//! What an operator asks of a handler: `/v1/handlers/NAME/revisions`, `…/reload`, `…/rollback`, `…/pause`, `…/resume`.

use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
};
use pelton_daemon::{Ask, Control};

use crate::{
    App,
    answer::{failed, json, wrong},
    query::{self, Parameter, Takes, Value},
};

/// What a reload of a component may be told.
pub(crate) const RELOAD: &[Parameter] = &[Parameter {
    name: "force",
    takes: Takes::Flag,
    about: "Also if it was refused or rolled back before.",
}];

pub(crate) async fn reload(
    State(app): State<App>,
    Path(handler): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = match query::read(query.as_deref(), RELOAD) {
        Ok(asked) => asked,
        Err(why) => return wrong(StatusCode::BAD_REQUEST, why),
    };
    let force = asked.contains(&("force", Value::Flag(true)));
    answer(&app.control, &handler, Ask::Reload { force }).await
}

pub(crate) async fn roll_back(State(app): State<App>, Path(handler): Path<String>) -> Response {
    answer(&app.control, &handler, Ask::RollBack).await
}

pub(crate) async fn revisions(State(app): State<App>, Path(handler): Path<String>) -> Response {
    answer(&app.control, &handler, Ask::Revisions).await
}

pub(crate) async fn pause(State(app): State<App>, Path(handler): Path<String>) -> Response {
    suspend(&app.control, &handler, true)
}

pub(crate) async fn resume(State(app): State<App>, Path(handler): Path<String>) -> Response {
    suspend(&app.control, &handler, false)
}

fn suspend(control: &Control, handler: &str, pause: bool) -> Response {
    match control.pause(handler, pause) {
        Ok(paused) => json(StatusCode::OK, &paused),
        Err(error) => failed(&error),
    }
}

/// 200 with how things stand; 409 with the same where nothing came of it.
async fn answer(control: &Control, handler: &str, ask: Ask) -> Response {
    match control.ask(handler, ask).await {
        Ok(report) if report.problem.is_some() => json(StatusCode::CONFLICT, &report),
        Ok(report) => json(StatusCode::OK, &report),
        Err(error) => failed(&error),
    }
}
