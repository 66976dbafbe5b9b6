//! Picks what matters of `user-events` and writes it to `user-activity` in another shape. The README has the
//! exact rule.

use std::borrow::Cow;

use pelton_sdk::{Failure, Message, Output, settings};
use serde::{Deserialize, Serialize};

/// Something a user did, as it comes in. Text is borrowed from the message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UserEvent<'a> {
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    timestamp: i64,
}

/// The same, as it goes out.
#[derive(Serialize)]
struct Activity<'a> {
    user: &'a str,
    activity: &'a str,
    at: i64,
}

/// The events that are passed on.
struct Wanted(Vec<String>);

fn prepare() -> Result<Wanted, String> {
    let usual = || {
        ["login", "logout", "signup", "purchase"]
            .map(str::to_owned)
            .to_vec()
    };
    Ok(Wanted(settings::json("events")?.unwrap_or_else(usual)))
}

#[pelton_sdk::handler(setup = prepare)]
fn handle(message: &Message, wanted: &Wanted) -> Result<Option<Output>, Failure> {
    if message.is_tombstone() {
        return Ok(message
            .key()
            .map(|_| Output::to("user-activity").same_key()));
    }
    let event: UserEvent = message.json()?;
    if !wanted.0.iter().any(|wanted| *wanted == event.event) {
        return Ok(None);
    }
    let activity = Activity {
        user: &event.user_id,
        activity: &event.event,
        at: event.timestamp,
    };
    let output = Output::to("user-activity")
        .key(&*event.user_id)
        .json(&activity)?
        .header("content-type", "application/json")
        .header("source", "user-events");
    Ok(Some(output))
}

#[cfg(test)]
mod tests {
    use pelton_sdk::{
        json,
        testing::{Produced, TestMessage, set_setting},
    };

    use super::*;

    fn handled(message: &TestMessage) -> Result<Vec<Produced>, Failure> {
        let wanted = prepare().unwrap();
        message.handle(|message| handle(message, &wanted))
    }

    fn event(name: &str) -> TestMessage {
        TestMessage::new("user-events")
            .key("user-123")
            .json(&json!({ "userId": "user-123", "event": name, "timestamp": 1_700_000_000_000_i64, "page": "/" }))
    }

    #[test]
    fn a_login_is_passed_on_in_another_shape() {
        let produced = handled(&event("login")).unwrap();
        assert_eq!(produced.len(), 1);
        assert_eq!(
            (produced[0].topic.as_deref(), produced[0].key_str()),
            (Some("user-activity"), Some("user-123"))
        );
        assert_eq!(
            produced[0].value_str(),
            Some(r#"{"user":"user-123","activity":"login","at":1700000000000}"#)
        );
        assert_eq!(produced[0].header_str("source"), Some("user-events"));
    }

    #[test]
    fn what_nobody_asked_for_is_filtered() {
        assert!(handled(&event("heartbeat")).unwrap().is_empty());
        set_setting("events", r#"["heartbeat"]"#);
        assert_eq!(handled(&event("heartbeat")).unwrap().len(), 1);
        assert!(handled(&event("login")).unwrap().is_empty());
    }

    #[test]
    fn a_tombstone_is_passed_on_where_it_has_a_key() {
        let produced = handled(&TestMessage::new("user-events").key("user-123")).unwrap();
        assert_eq!(
            (produced[0].key_str(), produced[0].value.as_deref()),
            (Some("user-123"), None)
        );
        assert!(
            handled(&TestMessage::new("user-events"))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn broken_json_is_rejected() {
        let failure = handled(&TestMessage::new("user-events").value("{\"userId\":")).unwrap_err();
        assert!(failure.is_reject(), "{failure}");
    }

    #[test]
    fn names_with_escapes_are_read() {
        let message = TestMessage::new("user-events")
            .value(r#"{"userId":"a\"b","event":"login","timestamp":1}"#);
        assert_eq!(handled(&message).unwrap()[0].key_str(), Some("a\"b"));
    }
}
