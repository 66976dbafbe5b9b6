//! A message in few words: what of it is new to someone who has just seen the message that it was made of.

use serde_json::Value;

use crate::{
    message::{Message, text},
    scene::Handler,
};

/// The value of a message, without what repeats its key.
pub fn of_input(message: &Message) -> String {
    value(message, &|_, _| false) + &headers(message, None)
}

/// The value of an output, without what its input has as well.
pub fn of_output(output: &Message, input: &Message) -> String {
    let given = object(input.value.as_deref()).unwrap_or_default();
    let input_key = text(input.key.as_deref());
    let known = |name: &str, value: &Value| {
        given.get(name) == Some(value) || value.as_str() == Some(&input_key)
    };
    value(output, &known) + &headers(output, Some(input))
}

fn value(message: &Message, is_known: &dyn Fn(&str, &Value) -> bool) -> String {
    let Some(bytes) = message.value.as_deref() else {
        return "(tombstone)".to_owned();
    };
    if bytes.is_empty() {
        return "(empty)".to_owned();
    }
    let Some(fields) = object(Some(bytes)) else {
        return text(Some(bytes));
    };
    let key = text(message.key.as_deref());
    let new = fields
        .iter()
        .filter(|(name, value)| !is_known(name, value) && value.as_str() != Some(&key));
    let new: Vec<String> = new.map(|(name, value)| field(name, value)).collect();
    if new.is_empty() {
        "(the same)".to_owned()
    } else {
        new.join(" ")
    }
}

/// Prose speaks for itself; other values are named.
fn field(name: &str, value: &Value) -> String {
    match value {
        Value::String(text) if text.contains(' ') => format!("“{text}”"),
        Value::String(text) if text.is_empty() => format!("{name}=\"\""),
        Value::String(text) if names_itself(name, text) => text.clone(),
        Value::String(text) => format!("{name}={text}"),
        other => format!("{name}={other}"),
    }
}

/// Whether an id says by itself what it is of: `user-104` as `userId`.
fn names_itself(name: &str, id: &str) -> bool {
    let of = name
        .strip_suffix("Id")
        .and_then(|kind| id.strip_prefix(kind));
    of.is_some_and(|rest| rest.starts_with('-'))
}

/// The headers that say something: not what is always the same, and of an output not what its input has too. Where a
/// message comes from stands without a name.
fn headers(message: &Message, input: Option<&Message>) -> String {
    let own_name = Handler::writing(&message.topic).map(|handler| handler.name);
    let new = message.headers.iter().filter_map(|header| {
        let (name, value) = (header.0.as_str(), text(header.1.as_deref()));
        match (name, value.as_str()) {
            ("content-type", "application/json") => None,
            ("source", source) if Some(source) == own_name => None,
            _ if input.is_some_and(|input| input.headers.contains(header)) => None,
            ("source", source) => Some(source.to_owned()),
            _ => Some(format!("{name}:{value}")),
        }
    });
    let new: Vec<String> = new.collect();
    if new.is_empty() {
        return String::new();
    }
    format!(" [{}]", new.join(" "))
}

fn object(bytes: Option<&[u8]>) -> Option<serde_json::Map<String, Value>> {
    match serde_json::from_slice(bytes?) {
        Ok(Value::Object(fields)) => Some(fields),
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(key: &str, value: Option<&str>, source: &str) -> Message {
        let header = |name: &str, value: &str| (name.to_owned(), Some(value.as_bytes().to_vec()));
        Message {
            topic: "t".to_owned(),
            key: Some(key.as_bytes().to_vec()),
            value: value.map(|value| value.as_bytes().to_vec()),
            headers: vec![
                header("content-type", "application/json"),
                header("source", source),
            ],
            timestamp: 0,
        }
    }

    #[test]
    fn an_input_is_shown_without_its_key() {
        let order = message(
            "o-1",
            Some(r#"{"id":"o-1","amount":5,"note":"a gift"}"#),
            "shop",
        );
        assert_eq!(of_input(&order), "amount=5 “a gift” [shop]");
        assert_eq!(
            of_input(&message("o-1", Some("{\"id"), "shop")),
            "{\"id [shop]"
        );
    }

    #[test]
    fn an_output_is_shown_by_what_is_new() {
        let order = message("o-1", Some(r#"{"id":"o-1","amount":5}"#), "shop");
        let audit = message(
            "o-1",
            Some(r#"{"id":"o-1","amount":5,"large":false}"#),
            "shop",
        );
        assert_eq!(of_output(&audit, &order), "large=false");
        let told = message(
            "u-1",
            Some(r#"{"user":"u-1","order":"o-1","text":"It came"}"#),
            "me",
        );
        assert_eq!(of_output(&told, &order), "“It came” [me]");
        assert_eq!(
            of_output(&message("o-1", None, "shop"), &order),
            "(tombstone)"
        );
        assert_eq!(of_output(&order, &order), "(the same)");
    }
}
