//! Write message handlers for Pelton in Rust.
//!
//! A handler is a function of one message. What it returns is produced to other topics, and the message's
//! offset is committed once all of that is acknowledged:
//!
//! ```
//! use pelton_sdk::{Failure, Message, Output};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Deserialize)]
//! struct Order<'a> {
//!     #[serde(rename = "orderId")]
//!     id: &'a str,
//!     amount: f64,
//! }
//!
//! #[derive(Serialize)]
//! struct Notification<'a> {
//!     text: &'a str,
//! }
//!
//! #[pelton_sdk::handler]
//! fn handle(message: &Message) -> Result<Option<Output>, Failure> {
//!     let order: Order = message.json()?; // What isn't such JSON is dead-lettered.
//!     if order.amount < 100.0 {
//!         return Ok(None); // Nothing to produce: the message is done.
//!     }
//!     let notification = Notification { text: "a large order" };
//!     Ok(Some(Output::to("notifications").key(order.id).json(&notification)?.header("source", "orders")))
//! }
//!
//! # fn main() {
//! // `cargo test` runs handlers natively, no daemon and no WebAssembly needed:
//! use pelton_sdk::testing::TestMessage;
//! let produced = TestMessage::new("orders")
//!     .value(r#"{"orderId": "order-1001", "amount": 149.9}"#)
//!     .handle(handle)
//!     .unwrap();
//! assert_eq!(produced[0].topic.as_deref(), Some("notifications"));
//! assert_eq!(produced[0].key_str(), Some("order-1001"));
//! # }
//! ```
//!
//! - [`Message`] is what came in, [`Output`] what goes out, [`Failure`] how a handler says no.
//! - [`handler`] makes the function a component; it may have a set-up and a state.
//! - [`settings`], [`delivery`] and [`log`] are what the daemon offers.
//! - [`http`] asks other services, where the configuration grants it.
//! - [`testing`] is for tests.
//!
//! The crate is a `cdylib` built for `wasm32-unknown-unknown`; `pelton build` does it. Built for `wasm32-wasip2`
//! it runs as well; what the standard library then asks the host for is refused, but for clocks and random numbers,
//! and what is printed goes to the handler's log.
//!
//! Invariant: each message of a batch is announced to the host before it is handled, and after the first
//! failure none is. A handler that panics traps: its message has failed, and the instance is thrown away.

mod answer;
pub mod delivery;
mod failure;
pub mod guest;
pub mod http;
pub mod log;
mod message;
mod output;
pub mod settings;
#[cfg(not(target_family = "wasm"))]
pub mod testing;

pub use failure::{Failure, OrFail};
pub use message::{Header, Message, Timestamp};
pub use output::{Output, Outputs};
pub use serde_json::{self, json};

/// Makes a function the handler of this component. There is one in a component.
///
/// The function takes a [`&Message`](Message) and returns a `Result`: anything that becomes [`Outputs`]
/// (`Outputs`, `Output`, `Option<Output>`, `Vec<Output>`, `()`), or anything that becomes a [`Failure`].
///
/// With `setup`, a function without arguments runs once in each new instance, before its first message:
/// read [`settings`] and build tables there. What it returns is kept, and given to the handler by reference:
///
/// ```
/// use pelton_sdk::{Failure, Message, Output, settings};
///
/// struct Limits {
///     large: f64,
/// }
///
/// fn prepare() -> Result<Limits, String> {
///     Ok(Limits { large: settings::parse("large")?.unwrap_or(100.0) })
/// }
///
/// #[pelton_sdk::handler(setup = prepare)]
/// fn handle(message: &Message, limits: &Limits) -> Result<Output, Failure> {
///     let large = message.value().is_some_and(|value| value.len() as f64 > limits.large);
///     Ok(Output::forward().header("large", large.to_string()))
/// }
/// # fn main() {}
/// ```
///
/// An error of the set-up refuses the revision at its trial, before it meets a message. The state may be
/// taken by `&mut`, say for a cache; but a handler has many instances, each with a state of its own, they
/// come and go, and a message that is repeated may meet another one. What must last belongs into a topic.
pub use pelton_sdk_macros::handler;
