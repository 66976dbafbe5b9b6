//! What must come out for a message that goes in: the rules of the examples' READMEs, written down once more.
//!
//! Invariant: nothing of the examples' code is used here, nor of Pelton's, or both would be wrong together.

use serde_json::Value;

use crate::{
    message::{Headers, Message, Placed},
    scene::Handler,
};

/// The prefix of the headers that are added to a dead letter.
pub const DEAD_PREFIX: &str = "pelton-dlq-";

/// From this amount on an order is large: `large-amount` in examples/pelton.toml.
const LARGE: f64 = 100.0;
/// The events that are passed on: `events` in examples/pelton.toml.
const WANTED: [&str; 4] = ["login", "logout", "signup", "purchase"];

/// A message that must come out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The message, in its topic, without the headers that are added to a dead letter.
    pub message: Message,
    /// What those must say; empty where it is no dead letter.
    pub added: Vec<(&'static str, Wanted)>,
}

/// What a header must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Exactly this.
    Exactly(String),
    /// Anything, as long as it is something.
    Something,
}

/// All that must come out for a message.
pub fn of(input: &Placed) -> Vec<Expected> {
    let Some(handler) = Handler::reading(&input.message.topic) else {
        return Vec::new();
    };
    let outputs = match handler.name {
        "order-processing" => order(&input.message),
        _ => user_event(&input.message),
    };
    match outputs {
        Some(messages) => messages.into_iter().map(plain).collect(),
        None => vec![dead_letter(input, handler)],
    }
}

fn plain(message: Message) -> Expected {
    Expected {
        message,
        added: Vec::new(),
    }
}

/// What order-processing makes of a message; `None` where it must reject it.
fn order(input: &Message) -> Option<Vec<Message>> {
    let audit = |value: Option<String>, outcome: &str| {
        let mut headers = input.headers.clone();
        headers.push(header("outcome", outcome));
        message(input, "order-audit", input.key.clone(), value, headers)
    };
    let Some(value) = &input.value else {
        return Some(vec![audit(None, "deleted")]);
    };
    let order: Value = serde_json::from_slice(value).ok()?;
    let field = |name: &str| order.get(name)?.as_str();
    let (id, user, currency) = (field("orderId")?, field("userId")?, field("currency")?);
    let (status, amount) = (field("status")?, order.get("amount")?.as_f64()?);
    let known = ["created", "paid", "shipped", "cancelled"].contains(&status);
    let three_letters =
        currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
    let possible = amount > 0.0 && amount <= 1_000_000.0;
    if id.is_empty() || user.is_empty() || !known || !three_letters || !possible {
        return None;
    }
    let (cents, large) = ((amount * 100.0).round(), amount >= LARGE);
    let (id, quoted_user) = (quoted(id), quoted(user));
    let line = format!(
        r#"{{"orderId":{id},"userId":{quoted_user},"status":"{status}","currency":"{currency}","amountCents":{cents},"large":{large}}}"#
    );
    let mut outputs = vec![audit(Some(line), "accepted")];
    let became = match status {
        "created" => "was received",
        "shipped" => "is on its way",
        "cancelled" => "was cancelled",
        _ => return Some(outputs),
    };
    let plain_id = field("orderId")?;
    let text = quoted(&format!(
        "Your order {plain_id} of {amount:.2} {currency} {became}"
    ));
    let value = format!(r#"{{"userId":{quoted_user},"orderId":{id},"text":{text}}}"#);
    outputs.push(message(
        input,
        "notifications",
        Some(user.as_bytes().to_vec()),
        Some(value),
        made_by("order-processing"),
    ));
    Some(outputs)
}

/// What user-events makes of a message; `None` where it must reject it.
fn user_event(input: &Message) -> Option<Vec<Message>> {
    let activity = |key, value, headers| message(input, "user-activity", key, value, headers);
    let Some(value) = &input.value else {
        let passed_on = input
            .key
            .clone()
            .map(|key| activity(Some(key), None, Vec::new()));
        return Some(passed_on.into_iter().collect());
    };
    let event: Value = serde_json::from_slice(value).ok()?;
    let (user, name) = (
        event.get("userId")?.as_str()?,
        event.get("event")?.as_str()?,
    );
    let at = event.get("timestamp")?.as_i64()?;
    if !WANTED.contains(&name) {
        return Some(Vec::new());
    }
    let value = format!(
        r#"{{"user":{},"activity":{},"at":{at}}}"#,
        quoted(user),
        quoted(name)
    );
    let key = Some(user.as_bytes().to_vec());
    Some(vec![activity(key, Some(value), made_by("user-events"))])
}

/// The dead letter of a message that its handler must reject, at the first attempt.
fn dead_letter(input: &Placed, handler: &Handler) -> Expected {
    let exactly = |text: &str| Wanted::Exactly(text.to_owned());
    Expected {
        message: Message {
            topic: handler.dead.to_owned(),
            ..input.message.clone()
        },
        added: vec![
            ("source-topic", exactly(&input.message.topic)),
            ("source-partition", exactly(&input.partition.to_string())),
            ("source-offset", exactly(&input.offset.to_string())),
            ("group", exactly(handler.group)),
            ("handler", exactly(handler.name)),
            ("revision", Wanted::Something),
            ("attempts", exactly("1")),
            ("error-kind", exactly("reject")),
            ("error-text", Wanted::Something),
        ],
    }
}

/// An output: it has its input's timestamp.
fn message(
    input: &Message,
    topic: &str,
    key: Option<Vec<u8>>,
    value: Option<String>,
    headers: Headers,
) -> Message {
    Message {
        topic: topic.to_owned(),
        key,
        value: value.map(String::into_bytes),
        headers,
        timestamp: input.timestamp,
    }
}

fn made_by(source: &str) -> Headers {
    vec![
        header("content-type", "application/json"),
        header("source", source),
    ]
}

fn header(name: &str, value: &str) -> (String, Option<Vec<u8>>) {
    (name.to_owned(), Some(value.as_bytes().to_vec()))
}

/// A text as JSON writes it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(topic: &str, value: Option<&str>) -> Placed {
        Placed {
            partition: 3,
            offset: 42,
            message: Message {
                topic: topic.to_owned(),
                key: Some(b"order-1001".to_vec()),
                value: value.map(|value| value.as_bytes().to_vec()),
                headers: vec![header("source", "shop")],
                timestamp: 5,
            },
        }
    }

    /// Topic, key, value and names of the headers of what must come out.
    fn out(topic: &str, value: Option<&str>) -> Vec<(String, String, String)> {
        let shown = |expected: Expected| {
            let message = expected.message;
            let text = |bytes: Option<&[u8]>| crate::message::text(bytes);
            (
                message.topic.clone(),
                text(message.key.as_deref()),
                text(message.value.as_deref()),
            )
        };
        of(&input(topic, value)).into_iter().map(shown).collect()
    }

    fn of_strs(all: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
        let owned = |(a, b, c): &(&str, &str, &str)| (a.to_string(), b.to_string(), c.to_string());
        all.iter().map(owned).collect()
    }

    #[test]
    fn an_order_as_its_readme_has_it() {
        let order = r#"{"orderId":"order-1001","userId":"user-123","amount":49.9,"currency":"EUR","status":"created"}"#;
        let audit = r#"{"orderId":"order-1001","userId":"user-123","status":"created","currency":"EUR","amountCents":4990,"large":false}"#;
        let notification = r#"{"userId":"user-123","orderId":"order-1001","text":"Your order order-1001 of 49.90 EUR was received"}"#;
        let expected = of_strs(&[
            ("order-audit", "order-1001", audit),
            ("notifications", "user-123", notification),
        ]);
        assert_eq!(out("order-events", Some(order)), expected);
        let paid = order.replace("created", "paid");
        assert_eq!(out("order-events", Some(&paid)).len(), 1);
    }

    #[test]
    fn a_user_event_as_its_readme_has_it() {
        let event = r#"{"userId":"user-123","event":"login","timestamp":1700000000000}"#;
        let activity = r#"{"user":"user-123","activity":"login","at":1700000000000}"#;
        let expected = of_strs(&[("user-activity", "user-123", activity)]);
        assert_eq!(out("user-events", Some(event)), expected);
        let filtered = event.replace("login", "heartbeat");
        assert_eq!(out("user-events", Some(&filtered)), []);
    }

    #[test]
    fn tombstones_go_on() {
        let deleted = of_strs(&[("order-audit", "order-1001", "null")]);
        assert_eq!(out("order-events", None), deleted);
        let forgotten = of_strs(&[("user-activity", "order-1001", "null")]);
        assert_eq!(out("user-events", None), forgotten);
        let mut nobody = input("user-events", None);
        nobody.message.key = None;
        assert_eq!(of(&nobody), []);
    }

    #[test]
    fn what_must_be_rejected_is_dead_lettered_as_it_was() {
        let order = |amount: &str, currency: &str, status: &str, user: &str| {
            format!(
                r#"{{"orderId":"o","userId":"{user}","amount":{amount},"currency":"{currency}","status":"{status}"}}"#
            )
        };
        for value in [
            String::new(),
            "{}".to_owned(),
            order("-1", "EUR", "paid", "u"),
            order("1000000.01", "EUR", "paid", "u"),
            order("1", "euro", "paid", "u"),
            order("1", "EUR", "lost", "u"),
            order("1", "EUR", "paid", ""),
            order("\"1\"", "EUR", "paid", "u"),
        ] {
            let all = of(&input("order-events", Some(&value)));
            assert_eq!(all.len(), 1, "{value}");
            assert_eq!(all[0].message.topic, "order-events.dead", "{value}");
            assert_eq!(all[0].message.value.as_deref(), Some(value.as_bytes()));
            assert!(
                all[0]
                    .added
                    .contains(&("source-offset", Wanted::Exactly("42".to_owned())))
            );
        }
        assert_eq!(
            of(&input(
                "order-events",
                Some(&order("1000000", "EUR", "paid", "u"))
            ))
            .len(),
            1
        );
    }
}
