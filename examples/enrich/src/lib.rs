//! Asks an HTTP service about the user of each message and adds what it says. The README has the exact rule.

use std::time::Duration;

use pelton_sdk::{Failure, Message, OrFail, Output, http, json, settings};
use serde::Deserialize;

/// How long a service that is overloaded is left alone.
const LATER: Duration = Duration::from_secs(5);

/// What the service says of a user; it may say more.
#[derive(Deserialize)]
struct User {
    name: String,
    tier: String,
}

/// The beginning of the URLs that are asked.
struct Users(String);

fn prepare() -> Result<Users, String> {
    Ok(Users(settings::require("users")?))
}

#[pelton_sdk::handler(setup = prepare)]
fn handle(message: &Message, users: &Users) -> Result<Output, Failure> {
    let id = message.key_str().or_reject("the key is not a user's id")?;
    if id.is_empty() || !id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err(Failure::reject(format!("`{id}` is not a user's id")));
    }
    let answer = http::get(format!("{}/{id}", users.0)).send()?;
    match answer.status {
        404 => return Err(Failure::reject(format!("there is no user `{id}`"))),
        429 | 503 => return Err(Failure::retry_after(LATER)),
        _ => {}
    }
    let user: User = answer.ok()?.json().or_other("the service's answer")?;
    let event = message.value_str().or_reject("the value is not text")?;
    Output::new()
        .same_key()
        .json(&json!({ "event": event, "name": user.name, "tier": user.tier }))
}

#[cfg(test)]
mod tests {
    use pelton_sdk::{
        http::{Error, Response},
        testing::{TestMessage, answer_http},
    };

    use super::*;

    /// What becomes of a message when the service answers so.
    fn answered(status: u16, body: &'static str) -> Result<Option<String>, Failure> {
        answer_http(move |request| {
            assert_eq!(
                (request.method.as_str(), request.url.as_str()),
                ("GET", "https://users.example.com/v1/user-7")
            );
            Ok(Response {
                status,
                body: body.into(),
                ..Response::default()
            })
        });
        handled("user-7")
    }

    fn handled(key: &str) -> Result<Option<String>, Failure> {
        let users = Users("https://users.example.com/v1".to_owned());
        let message = TestMessage::new("events").key(key).value("login");
        let produced = message.handle(|message| handle(message, &users))?;
        Ok(produced[0].value_str().map(str::to_owned))
    }

    #[test]
    fn what_the_service_says_is_added() {
        let value = answered(200, r#"{"name":"Ada","tier":"gold","since":1843}"#).unwrap();
        assert_eq!(
            value.as_deref(),
            Some(r#"{"event":"login","name":"Ada","tier":"gold"}"#)
        );
    }

    #[test]
    fn each_answer_has_its_own_end() {
        assert!(answered(404, "").unwrap_err().is_reject());
        assert_eq!(answered(503, "").unwrap_err().is_retry(), Some(Some(LATER)));
        assert!(answered(500, "").unwrap_err().is_other());
        assert!(answered(302, "").unwrap_err().is_other());
        assert!(answered(200, "<html>").unwrap_err().is_other());
    }

    #[test]
    fn a_service_that_is_away_is_tried_again_and_what_is_no_id_is_not_asked_for() {
        answer_http(|_| Err(Error::TimedOut));
        assert!(handled("user-7").unwrap_err().is_other());
        assert!(handled("../admin").unwrap_err().is_reject());
    }
}
