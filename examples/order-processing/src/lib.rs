//! Orders come in on `order-events`. Each valid one leaves a line in `order-audit`, and its customer hears of
//! it on `notifications`; the rest is dead-lettered. The README has the exact rule.

use std::borrow::Cow;

use pelton_sdk::{Failure, Message, Output, Outputs, log, settings};
use serde::{Deserialize, Serialize};

/// An order, as it comes in. Text is borrowed from the message.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Order<'a> {
    #[serde(borrow)]
    order_id: Cow<'a, str>,
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    amount: f64,
    #[serde(borrow)]
    currency: Cow<'a, str>,
    status: Status,
}

/// What has become of it. Anything else makes the order invalid.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Status {
    Created,
    Paid,
    Shipped,
    Cancelled,
}

/// A line of the audit trail: the order, and what was worked out about it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Audit<'a> {
    order_id: &'a str,
    user_id: &'a str,
    status: Status,
    currency: &'a str,
    amount_cents: u64,
    large: bool,
}

/// What a customer gets to read.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Notification<'a> {
    user_id: &'a str,
    order_id: &'a str,
    text: String,
}

/// What the configuration says.
struct Limits {
    /// Orders from this amount on are large.
    large: f64,
}

fn prepare() -> Result<Limits, String> {
    Ok(Limits {
        large: settings::parse("large-amount")?.unwrap_or(100.0),
    })
}

#[pelton_sdk::handler(setup = prepare)]
fn handle(message: &Message, limits: &Limits) -> Result<Outputs, Failure> {
    if message.is_tombstone() {
        return Ok(Output::to("order-audit")
            .same_key()
            .same_headers()
            .header("outcome", "deleted")
            .into());
    }
    let order: Order = message.json()?;
    validate(&order)?;
    log::debug!("order {} is fine", order.order_id);
    let mut outputs = Outputs::from(audit(&order, limits)?);
    outputs.extend(notification(&order)?);
    Ok(outputs)
}

fn validate(order: &Order) -> Result<(), Failure> {
    if order.order_id.is_empty() || order.user_id.is_empty() {
        return Err(Failure::reject("an order needs an orderId and a userId"));
    }
    if !(order.amount > 0.0 && order.amount <= 1_000_000.0) {
        return Err(Failure::reject(format!(
            "the amount must be above 0 and at most 1000000, not {}",
            order.amount
        )));
    }
    if order.currency.len() != 3
        || !order
            .currency
            .bytes()
            .all(|letter| letter.is_ascii_uppercase())
    {
        return Err(Failure::reject(format!(
            "{:?} is no currency",
            order.currency
        )));
    }
    Ok(())
}

fn audit(order: &Order, limits: &Limits) -> Result<Output, Failure> {
    let line = Audit {
        order_id: &order.order_id,
        user_id: &order.user_id,
        status: order.status,
        currency: &order.currency,
        amount_cents: (order.amount * 100.0).round() as u64,
        large: order.amount >= limits.large,
    };
    Ok(Output::to("order-audit")
        .same_key()
        .json(&line)?
        .same_headers()
        .header("outcome", "accepted"))
}

/// The customer paid by their own hand, and needs no word of that.
fn notification(order: &Order) -> Result<Option<Output>, Failure> {
    let became = match order.status {
        Status::Created => "was received",
        Status::Paid => return Ok(None),
        Status::Shipped => "is on its way",
        Status::Cancelled => "was cancelled",
    };
    let text = format!(
        "Your order {} of {:.2} {} {became}",
        order.order_id, order.amount, order.currency
    );
    let notification = Notification {
        user_id: &order.user_id,
        order_id: &order.order_id,
        text,
    };
    let output = Output::to("notifications")
        .key(&*order.user_id)
        .json(&notification)?
        .header("content-type", "application/json")
        .header("source", "order-processing");
    Ok(Some(output))
}

#[cfg(test)]
mod tests {
    use pelton_sdk::{
        json,
        testing::{Produced, TestMessage, set_setting},
    };

    use super::*;

    fn order() -> TestMessage {
        TestMessage::new("order-events").key("order-1001").header("source", "shop").value(
            r#"{"orderId":"order-1001","userId":"user-123","amount":49.9,"currency":"EUR","status":"created"}"#,
        )
    }

    fn handled(message: &TestMessage) -> Result<Vec<Produced>, Failure> {
        let limits = prepare().unwrap();
        message.handle(|message| handle(message, &limits))
    }

    fn rejected(value: &str) -> String {
        let failure = handled(&order().value(value)).unwrap_err();
        assert!(failure.is_reject(), "{failure}");
        failure.to_string()
    }

    #[test]
    fn a_new_order_is_audited_and_its_customer_hears_of_it() {
        let produced = handled(&order()).unwrap();
        let [audit, notification] = &produced[..] else {
            panic!("{produced:?}")
        };
        assert_eq!(
            (audit.topic.as_deref(), audit.key_str()),
            (Some("order-audit"), Some("order-1001"))
        );
        let expected = json!({
            "orderId": "order-1001", "userId": "user-123", "status": "created",
            "currency": "EUR", "amountCents": 4990, "large": false,
        });
        assert_eq!(audit.json(), expected);
        assert_eq!(
            (audit.header_str("source"), audit.header_str("outcome")),
            (Some("shop"), Some("accepted"))
        );
        assert_eq!(
            (notification.topic.as_deref(), notification.key_str()),
            (Some("notifications"), Some("user-123"))
        );
        let text = "Your order order-1001 of 49.90 EUR was received";
        let expected = json!({ "userId": "user-123", "orderId": "order-1001", "text": text });
        assert_eq!(notification.json(), expected);
        assert_eq!(
            notification.header_str("content-type"),
            Some("application/json")
        );
        assert_eq!(notification.header_str("source"), Some("order-processing"));
    }

    #[test]
    fn a_paid_order_is_only_audited() {
        let paid = r#"{"orderId":"o","userId":"u","amount":1,"currency":"EUR","status":"paid"}"#;
        let produced = handled(&order().value(paid)).unwrap();
        assert_eq!(produced.len(), 1);
        assert_eq!(produced[0].topic.as_deref(), Some("order-audit"));
    }

    #[test]
    fn what_is_large_can_be_set() {
        set_setting("large-amount", "10");
        assert_eq!(handled(&order()).unwrap()[0].json()["large"], true);
        set_setting("large-amount", "much");
        assert_eq!(
            prepare().err().unwrap(),
            "the setting `large-amount` is `much`: invalid float literal"
        );
    }

    #[test]
    fn a_tombstone_goes_on_to_the_audit() {
        let deleted = TestMessage::new("order-events")
            .key("order-1001")
            .header("source", "shop");
        let produced = handled(&deleted).unwrap();
        assert_eq!(produced.len(), 1);
        assert_eq!(
            (produced[0].key_str(), produced[0].value.as_deref()),
            (Some("order-1001"), None)
        );
        assert_eq!(produced[0].header_str("outcome"), Some("deleted"));
    }

    #[test]
    fn what_is_not_an_order_is_rejected() {
        assert!(rejected("{\"orderId\":").contains("EOF while parsing"));
        assert!(rejected("{}").contains("missing field `orderId`"));
        let order = |amount: &str, currency: &str, status: &str| {
            rejected(&format!(
                r#"{{"orderId":"o","userId":"u","amount":{amount},"currency":"{currency}","status":"{status}"}}"#
            ))
        };
        assert!(
            order("-5", "EUR", "created")
                .contains("the amount must be above 0 and at most 1000000, not -5")
        );
        assert!(order("5", "euro", "created").contains("\"euro\" is no currency"));
        assert!(order("5", "EUR", "lost").contains("unknown variant `lost`"));
    }
}
