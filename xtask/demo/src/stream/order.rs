//! Orders and what becomes of them: created, paid, shipped, or cancelled; and in the end deleted.

use rand::{Rng, rngs::StdRng};
use serde::Serialize;

use super::{cut, headers, json, one_in, pick};
use crate::message::Message;

/// Most orders that are open at once.
const OPEN: usize = 40;

/// The shop's orders.
#[derive(Debug, Default)]
pub(super) struct Orders {
    open: Vec<Order>,
    opened: u32,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Order {
    order_id: String,
    user_id: String,
    amount: f64,
    currency: &'static str,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

impl Orders {
    /// The next thing that happens to an order.
    pub(super) fn next(&mut self, random: &mut StdRng, timestamp: i64) -> Message {
        let order = self.step(random);
        let deleted = order.status == "deleted";
        Message {
            topic: "order-events".to_owned(),
            key: (!one_in(random, 150)).then(|| order.order_id.clone().into_bytes()),
            value: (!deleted).then(|| written(random, &order).into_bytes()),
            headers: headers(random, order.source()),
            timestamp,
        }
    }

    fn step(&mut self, random: &mut StdRng) -> Order {
        if self.open.len() < 5 || (self.open.len() < OPEN && random.random_bool(0.4)) {
            let order = self.create(random);
            self.open.push(order.clone());
            return order;
        }
        let at = random.random_range(0..self.open.len());
        let order = &mut self.open[at];
        order.note = None;
        order.status = match order.status {
            "created" | "paid" if one_in(random, 8) => "cancelled",
            "created" => "paid",
            "paid" => "shipped",
            _ => "deleted",
        };
        let order = order.clone();
        // Most ended orders are never heard of again; some are deleted by a tombstone.
        if order.status == "deleted" || (order.has_ended() && random.random_bool(0.85)) {
            self.open.swap_remove(at);
        }
        order
    }

    fn create(&mut self, random: &mut StdRng) -> Order {
        self.opened += 1;
        let cents: u32 = match random.random_range(0..10) {
            0 => random.random_range(10_000..90_000),
            1 => 10_000,
            _ => random.random_range(150..9_999),
        };
        Order {
            order_id: format!("order-{}", 1_000 + self.opened),
            user_id: format!("user-{}", random.random_range(100..140)),
            amount: f64::from(cents) / 100.0,
            currency: pick(random, &["EUR", "EUR", "EUR", "USD", "CHF"]),
            status: "created",
            note: one_in(random, 15).then(|| pick(random, &["gift", "\"fragile\"", "für Zoë ✓"])),
        }
    }
}

impl Order {
    fn has_ended(&self) -> bool {
        ["shipped", "cancelled"].contains(&self.status)
    }

    /// Who tells of it.
    fn source(&self) -> &'static str {
        match self.status {
            "created" => "shop",
            "paid" => "billing",
            "shipped" => "warehouse",
            _ => "back-office",
        }
    }
}

/// The order as JSON, sometimes as no handler can take it.
fn written(random: &mut StdRng, order: &Order) -> String {
    if one_in(random, 40) {
        return if one_in(random, 6) {
            String::new()
        } else {
            cut(random, json(order))
        };
    }
    if !one_in(random, 30) {
        return json(order);
    }
    let mut wrong = order.clone();
    match random.random_range(0..6) {
        0 => wrong.amount = -wrong.amount,
        1 => wrong.amount = 2_000_000.0,
        2 => wrong.currency = "euro",
        3 => wrong.status = "lost",
        4 => wrong.user_id.clear(),
        _ => return json(&wrong).replace("\"amount\":", "\"total\":"),
    }
    json(&wrong)
}
