//! What the benchmark's Rust programs do with a message in the work `enrich`: the same function, natively in the
//! hand-written loop and compiled to WebAssembly in Pelton's handlers.
//!
//! Invariant: it parses only what it needs. Whatever lies below the top level is looked over and copied, never taken apart.
#![forbid(unsafe_code)]

use std::borrow::Cow;

use serde::{
    Deserialize,
    de::{Deserializer as _, Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The header that `enrich` copies.
pub const COPIED_HEADER: &str = "trace-id";
/// What `enrich` writes as `processedBy`.
pub const PROCESSED_BY: &str = "bench";

/// Orders with this status are dropped.
const DROPPED: &str = r#""cancelled""#;

/// Writes the order with `amountCents` and `processedBy` behind its own fields to `enriched`, which is emptied first;
/// `false`, and nothing is written, where the order is dropped.
///
/// # Errors
/// The value is not the JSON of an order.
pub fn enrich(value: &[u8], enriched: &mut Vec<u8>) -> Result<bool, serde_json::Error> {
    enriched.clear();
    enriched.reserve(value.len() + 64);
    let mut deserializer = serde_json::Deserializer::from_slice(value);
    let kept = deserializer.deserialize_map(Order { enriched })?;
    deserializer.end()?;
    Ok(kept)
}

/// Copies an order's fields as they come.
struct Order<'a> {
    enriched: &'a mut Vec<u8>,
}

/// A name without a copy, unless something in it is escaped.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Order<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an order")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<bool, A::Error> {
        let Self { enriched } = self;
        let (mut amount, mut dropped) = (None, false);
        enriched.push(b'{');
        while let Some((Name(name), field)) = fields.next_entry::<Name<'_>, &RawValue>()? {
            match &*name {
                "status" => dropped = field.get() == DROPPED,
                "amount" => amount = Some(field.get().parse::<f64>().map_err(A::Error::custom)?),
                _ => {}
            }
            serde_json::to_writer(&mut *enriched, &name).map_err(A::Error::custom)?;
            enriched.push(b':');
            enriched.extend_from_slice(field.get().as_bytes());
            enriched.push(b',');
        }
        if dropped {
            enriched.clear();
            return Ok(false);
        }
        let amount = amount.ok_or_else(|| A::Error::missing_field("amount"))?;
        let cents = (amount * 100.0).round() as i64;
        let added = format_args!(r#""amountCents":{cents},"processedBy":"{PROCESSED_BY}"}}"#);
        std::io::Write::write_fmt(enriched, added).map_err(A::Error::custom)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enriched(value: &str) -> Result<Option<String>, serde_json::Error> {
        let mut bytes = b"of an earlier one".to_vec();
        let kept = enrich(value.as_bytes(), &mut bytes)?;
        assert_eq!(kept, !bytes.is_empty());
        Ok(kept.then(|| String::from_utf8(bytes).expect("text")))
    }

    #[test]
    fn two_fields_stand_behind_the_others() {
        let order = r#"{"id":"a\"b","status":"paid","amount":19.99,"items":[{"price": 1.50}]}"#;
        let expected = r#"{"id":"a\"b","status":"paid","amount":19.99,"items":[{"price": 1.50}],"amountCents":1999,"processedBy":"bench"}"#;
        assert_eq!(
            enriched(order).expect("an order").as_deref(),
            Some(expected)
        );
    }

    #[test]
    fn cancelled_orders_are_dropped() {
        let order = r#"{"status":"cancelled","amount":1.5}"#;
        assert_eq!(enriched(order).expect("an order"), None);
    }

    #[test]
    fn what_is_no_order_is_refused() {
        for bad in [
            "",
            "[]",
            r#"{"amount":"x"}"#,
            r#"{"status":"paid"}"#,
            r#"{"amount":1.5} {}"#,
            r#"{"amount":1.5,"items":[}"#,
        ] {
            assert!(enriched(bad).is_err(), "{bad}");
        }
    }
}
