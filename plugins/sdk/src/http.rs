//! HTTP requests to services that the handler's configuration grants.
//!
//! ```
//! use pelton_sdk::{Failure, Message, OrFail, Output, http};
//!
//! #[pelton_sdk::handler]
//! fn handle(message: &Message) -> Result<Output, Failure> {
//!     let user = message.key_str().or_reject("the key is not a user's id")?;
//!     let answer = http::get(format!("https://api.example.com/users/{user}")).send()?;
//!     Ok(Output::forward().value(answer.ok()?.body))
//! }
//! # fn main() {}
//! ```
//!
//! ```toml
//! [handlers.users.grants]
//! http = ["https://api.example.com"]
//! ```
//!
//! A component that uses this imports `wasi:http`, and is refused without such a grant. Requests go to the granted
//! origins and nowhere else: a redirect comes back as the answer that it is, and is not followed.
//!
//! Waiting counts as the message's time. With `order = "key"` or `"none"` in the configuration other messages are
//! handled meanwhile, by other instances.
//!
//! A message that is repeated sends its requests again. Give a service that changes something an id to know the
//! repetition by: [`delivery::id`](crate::delivery::id) is the same each time.

mod error;
mod request;
mod response;

#[cfg(target_family = "wasm")]
mod wasi;

pub use error::Error;
#[cfg(not(target_family = "wasm"))]
pub(crate) use request::Parts;
pub use request::Request;
pub use response::Response;

/// Asks for what is there.
pub fn get(url: impl Into<String>) -> Request {
    Request::new("GET", url)
}

/// Sends something.
pub fn post(url: impl Into<String>) -> Request {
    Request::new("POST", url)
}

/// Puts something there, in place of what was there.
pub fn put(url: impl Into<String>) -> Request {
    Request::new("PUT", url)
}

/// Removes what is there.
pub fn delete(url: impl Into<String>) -> Request {
    Request::new("DELETE", url)
}

#[cfg(not(target_family = "wasm"))]
use crate::testing::http as host;
#[cfg(target_family = "wasm")]
use wasi as host;
