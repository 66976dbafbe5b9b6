//! The messages: life-like orders, each made from its number alone, so that what came out can be held against what went
//! in without keeping either.

use std::io::Write as _;

use pelton_bench_work::{COPIED_HEADER, enrich};

use crate::options::Work;

/// One of ten orders is cancelled, which `enrich` drops.
const CANCELLED: usize = 3;
const CUSTOMERS: usize = 10_007;
/// The header that `enrich` leaves behind.
pub const OTHER_HEADER: (&str, &[u8]) = ("content-type", b"application/json");

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    /// The value of the header that every work copies: the message's number.
    pub trace: Vec<u8>,
}

impl Message {
    /// Becomes message `number`, with a value of `size` bytes, or a few more where that is too small for an order.
    pub fn become_number(&mut self, number: usize, size: usize) {
        for bytes in [&mut self.key, &mut self.value, &mut self.trace] {
            bytes.clear();
        }
        // Writing to memory doesn't fail.
        let _ = write!(self.key, "customer-{}", number % CUSTOMERS);
        let _ = write!(self.trace, "{number:016x}");
        let _ = order(&mut self.value, number, size);
    }
}

/// The number in a trace.
pub fn number(trace: &[u8]) -> Option<usize> {
    usize::from_str_radix(std::str::from_utf8(trace).ok()?, 16).ok()
}

/// Whether a work makes an output of this message.
pub fn is_kept(work: Work, number: usize) -> bool {
    match work {
        Work::Passthrough => true,
        Work::Enrich => number % 10 != CANCELLED,
    }
}

/// What a work makes of a value.
///
/// # Errors
/// When it is no order.
pub fn expected(work: Work, value: &[u8], output: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    match work {
        Work::Passthrough => {
            output.clear();
            output.extend_from_slice(value);
            Ok(())
        }
        Work::Enrich => enrich(value, output).map(drop),
    }
}

/// An order as JSON: as many items as there is room for, and a note that fills the rest.
fn order(value: &mut Vec<u8>, number: usize, size: usize) -> std::io::Result<()> {
    let status = match number % 10 {
        CANCELLED => "cancelled",
        _ => "paid",
    };
    // Never a whole number of tens: every language writes these amounts as they are.
    let cents = number % 10_000 * 10 + 1 + number % 9;
    let customer = number % CUSTOMERS;
    write!(
        value,
        r#"{{"orderId":"order-{number:08}","customer":"customer-{customer}","status":"{status}","amount":{}.{:02},"currency":"EUR","items":["#,
        cents / 100,
        cents % 100
    )?;
    let end = r#"],"note":""}"#.len();
    for item in 0.. {
        let mut next = Vec::new();
        let comma = if item == 0 { "" } else { "," };
        let (sku, quantity, price) = ((number + item * 31) % 100_000, item % 7 + 1, item % 50);
        write!(
            next,
            r#"{comma}{{"sku":"SKU-{sku:05}","quantity":{quantity},"price":{price}.25}}"#
        )?;
        if value.len() + next.len() + end > size {
            break;
        }
        value.extend_from_slice(&next);
    }
    write!(value, r#"],"note":""#)?;
    while value.len() + 2 < size {
        value.push(b'.');
    }
    write!(value, r#""}}"#)
}

/// The headers of a message.
pub fn headers(message: &Message) -> [(&str, &[u8]); 2] {
    [(COPIED_HEADER, message.trace.as_slice()), OTHER_HEADER]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(number: usize, size: usize) -> Message {
        let mut message = Message::default();
        message.become_number(number, size);
        message
    }

    #[test]
    fn a_value_is_json_of_its_size() {
        for size in [256, 1024, 100_000] {
            let message = message(123_456, size);
            assert_eq!(message.value.len(), size);
            serde_json::from_slice::<serde_json::Value>(&message.value).expect("JSON");
        }
    }

    #[test]
    fn a_number_comes_back_out_of_its_trace() {
        assert_eq!(number(&message(41, 256).trace), Some(41));
        assert_eq!(number(b"nothing"), None);
    }

    #[test]
    fn what_is_dropped_is_known_beforehand() {
        for n in 0..200 {
            let mut output = Vec::new();
            expected(Work::Enrich, &message(n, 256).value, &mut output).expect("an order");
            assert_eq!(is_kept(Work::Enrich, n), !output.is_empty(), "{n}");
        }
    }

    #[test]
    fn amounts_are_written_alike_by_everybody() {
        for n in (0..100_000).step_by(7) {
            let text = String::from_utf8(message(n, 256).value).expect("text");
            let amount = text
                .split(r#""amount":"#)
                .nth(1)
                .and_then(|rest| rest.split(',').next());
            let amount = amount.expect("an amount");
            let shortest = amount.parse::<f64>().expect("a number").to_string();
            assert_eq!(amount, shortest, "{n}");
        }
    }
}
