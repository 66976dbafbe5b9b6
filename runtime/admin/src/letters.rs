//! A handler's dead letters: `/v1/handlers/NAME/dead-letters`, `…/dead-letters/0@42` and `…/redrive`.
//!
//! What is done with them is `operator`'s, as for `pelton dlq`; here it is asked for and told, each [in its turn](turn).

mod filter;
mod told;
mod turn;

use std::ops::ControlFlow;

use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
};
use pelton_operator::{Error, Reach, letters};
use tokio_util::sync::CancellationToken;

pub(crate) use self::{
    filter::{FILTER, REDRIVE},
    told::{Page, Redriven},
};
use crate::{
    App,
    answer::{json, wrong},
};

pub(crate) async fn list(
    State(app): State<App>,
    Path(handler): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = match filter::asked(query.as_deref(), FILTER) {
        Ok(asked) => asked,
        Err(why) => return wrong(StatusCode::BAD_REQUEST, why),
    };
    let work = move |reach: &Reach, gone: &CancellationToken| {
        let mut page = Page::default();
        letters::find_until(
            reach,
            &asked.filter,
            || gone.is_cancelled(),
            |letter| page.take(&letter, asked.limit),
        )?;
        Ok(page)
    };
    match with(&app, handler, work).await {
        Ok(page) => json(StatusCode::OK, &page),
        Err(response) => response,
    }
}

pub(crate) async fn show(
    State(app): State<App>,
    Path((handler, at)): Path<(String, String)>,
) -> Response {
    let place = match letters::place::parse(&at) {
        Ok(place) => place,
        Err(why) => return wrong(StatusCode::BAD_REQUEST, why),
    };
    let wanted = letters::Filter {
        any_handler: true,
        at: Some(place),
        ..letters::Filter::default()
    };
    let work = move |reach: &Reach, gone: &CancellationToken| {
        let mut found = None;
        letters::find_until(
            reach,
            &wanted,
            || gone.is_cancelled(),
            |letter| {
                found = Some(letters::Shown::from(&letter));
                ControlFlow::Break(())
            },
        )?;
        Ok(found)
    };
    match with(&app, handler, work).await {
        Ok(Some(letter)) => json(StatusCode::OK, &letter),
        Ok(None) => wrong(
            StatusCode::NOT_FOUND,
            format!("no dead letter stands at {at}"),
        ),
        Err(response) => response,
    }
}

pub(crate) async fn redrive(
    State(app): State<App>,
    Path(handler): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = match filter::asked(query.as_deref(), REDRIVE) {
        Ok(asked) => asked,
        Err(why) => return wrong(StatusCode::BAD_REQUEST, why),
    };
    let wanted = letters::Redrive {
        filter: asked.filter,
        execute: asked.execute,
        to_source: false,
        rate: asked.rate,
        most_redrives: letters::MOST_REDRIVES,
        even_cut: false,
    };
    let executed = wanted.execute;
    let turn = executed.then(turn::to_write);
    if turn.as_ref().is_some_and(Option::is_none) {
        let text = "a redrive is under way; wait until it has ended";
        return wrong(StatusCode::CONFLICT, text);
    }
    // One that has begun to write goes on although nobody waits: it would only have to be taken up again.
    let work = move |reach: &Reach, _: &CancellationToken| {
        let _turn = turn;
        letters::redrive(reach, &wanted)
    };
    match with(&app, handler, work).await {
        Ok(redriven) => json(StatusCode::OK, &Redriven::of(redriven, executed)),
        Err(response) => response,
    }
}

/// Does something with the brokers of a handler as it is configured now.
async fn with<T: Send + 'static>(
    app: &App,
    handler: String,
    work: impl FnOnce(&Reach, &CancellationToken) -> Result<T, Error> + Send + 'static,
) -> Result<T, Response> {
    let config = app.configured.now();
    let reached = move |gone: &CancellationToken| work(&Reach::new(&config, &handler)?, gone);
    let done = turn::in_turn(&turn::READERS, reached).await;
    let stopping =
        |turn::Stopping| wrong(StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping");
    let done = done.map_err(stopping)?;
    done.map_err(|error| {
        let status = match error {
            Error::Unknown { .. }
            | Error::NoTopic(_)
            | Error::NoPartition
            | Error::Embedded(_)
            | Error::NoLetters(_) => StatusCode::NOT_FOUND,
            Error::Kafka(_) | Error::Write { .. } => StatusCode::SERVICE_UNAVAILABLE,
        };
        wrong(status, error.to_string())
    })
}
