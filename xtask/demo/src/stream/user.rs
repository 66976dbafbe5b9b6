//! What users do: they log in and out, look at pages, buy, and some ask to be forgotten.

use rand::{Rng, rngs::StdRng};
use serde::Serialize;

use super::{cut, headers, json, one_in, pick};
use crate::message::Message;

/// The events, more of what happens more often.
const EVENTS: &[&str] = &[
    "login",
    "login",
    "login",
    "logout",
    "logout",
    "signup",
    "purchase",
    "purchase",
    "page-view",
    "page-view",
    "heartbeat",
];

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct UserEvent<'a> {
    user_id: &'a str,
    event: &'a str,
    timestamp: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    page: Option<&'a str>,
}

/// The next thing that a user does.
pub(super) fn next(random: &mut StdRng, timestamp: i64) -> Message {
    let user = format!("user-{}", random.random_range(100..160));
    let source = pick(random, &["web", "app"]);
    let forgotten = one_in(random, 40);
    let value = (!forgotten).then(|| value(random, &user, timestamp).into_bytes());
    Message {
        topic: "user-events".to_owned(),
        key: (!one_in(random, 100)).then(|| user.into_bytes()),
        value,
        headers: headers(random, source),
        timestamp,
    }
}

fn value(random: &mut StdRng, user: &str, timestamp: i64) -> String {
    let event = pick(random, EVENTS);
    let page = (event == "page-view").then(|| pick(random, &["/", "/cart", "/wine/\"brut\""]));
    let text = json(&UserEvent {
        user_id: user,
        event,
        timestamp,
        page,
    });
    match random.random_range(0..80) {
        0 | 1 => cut(random, text),
        2 => text.replace("\"timestamp\":", "\"timestamp\":\"now\",\"at\":"),
        3 => text.replace("\"userId\":", "\"user\":"),
        _ => text,
    }
}
