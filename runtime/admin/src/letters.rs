//! A handler's dead letters: `/v1/handlers/NAME/dead-letters`, `…/dead-letters/0@42` and `…/redrive`.
//!
//! What is done with them is `operator`'s, as for `pelton dlq`; here it is asked for and told. At most [`AT_ONCE`]
//! requests read topics at once: the others wait.

mod filter;
mod told;

use std::ops::ControlFlow;

use axum::{
    extract::{Path, RawQuery, State},
    http::StatusCode,
    response::Response,
};
use pelton_operator::{Error, Reach, letters};
use tokio::{sync::Semaphore, task::spawn_blocking};

pub(crate) use self::{
    filter::{FILTER, REDRIVE},
    told::{Page, Redriven, Shown},
};
use crate::{
    App,
    answer::{json, wrong},
};

/// Requests that read topics at the same time.
const AT_ONCE: usize = 2;
/// Letters that came back so often stay, as with `pelton dlq redrive`.
const MOST_REDRIVES: u32 = 3;

static READERS: Semaphore = Semaphore::const_new(AT_ONCE);

pub(crate) async fn list(
    State(app): State<App>,
    Path(handler): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = match filter::asked(query.as_deref(), FILTER) {
        Ok(asked) => asked,
        Err(why) => return wrong(StatusCode::BAD_REQUEST, why),
    };
    let work = move |reach: &Reach| {
        let mut page = Page::default();
        letters::find(reach, &asked.filter, |letter| {
            if page.letters.len() == asked.limit {
                page.more = true;
                return ControlFlow::Break(());
            }
            page.letters.push((&letter).into());
            ControlFlow::Continue(())
        })?;
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
    let place = match filter::place(&at) {
        Ok(place) => place,
        Err(why) => return wrong(StatusCode::BAD_REQUEST, why),
    };
    let wanted = letters::Filter {
        any_handler: true,
        at: Some(place),
        ..letters::Filter::default()
    };
    let work = move |reach: &Reach| {
        let mut found = None;
        letters::find(reach, &wanted, |letter| {
            found = Some(Shown::from(&letter));
            ControlFlow::Break(())
        })?;
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
        most_redrives: MOST_REDRIVES,
        even_cut: false,
    };
    let executed = wanted.execute;
    let work = move |reach: &Reach| letters::redrive(reach, &wanted);
    match with(&app, handler, work).await {
        Ok(redriven) => json(StatusCode::OK, &Redriven::of(redriven, executed)),
        Err(response) => response,
    }
}

/// Does something with the brokers of a handler as it is configured now.
async fn with<T: Send + 'static>(
    app: &App,
    handler: String,
    work: impl FnOnce(&Reach) -> Result<T, Error> + Send + 'static,
) -> Result<T, Response> {
    let config = app.configured.now();
    let stopping = || wrong(StatusCode::SERVICE_UNAVAILABLE, "the daemon is stopping");
    let _turn = READERS.acquire().await.map_err(|_| stopping())?;
    let done = spawn_blocking(move || work(&Reach::new(&config, &handler)?)).await;
    let done = done.map_err(|_| stopping())?;
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
