//! The handler's own settings: the `[handlers.NAME.settings]` table of the daemon's configuration.
//!
//! They do not change within the life of an instance: read them in the set-up (see
//! [`handler`](crate::handler)), where a bad one refuses the revision before it meets a message.

use std::{fmt::Display, str::FromStr};

use serde::de::DeserializeOwned;

/// The value of a key, if it is set. Strings as they are; numbers, booleans, arrays and tables as JSON.
pub fn get(key: &str) -> Option<String> {
    host::get(key)
}

/// The value of a key that must be set.
///
/// # Errors
/// It isn't; the text names it.
pub fn require(key: &str) -> Result<String, String> {
    get(key).ok_or_else(|| format!("the setting `{key}` is missing"))
}

/// The value of a key as a number, a boolean or whatever else reads itself from text.
///
/// # Errors
/// It is set to something else; the text names the key and the value.
pub fn parse<T>(key: &str) -> Result<Option<T>, String>
where
    T: FromStr,
    T::Err: Display,
{
    let parsed = get(key).map(|value| value.parse().map_err(|error| invalid(key, &value, &error)));
    parsed.transpose()
}

/// The value of a key that is an array or a table.
///
/// # Errors
/// It is set to something else; the text names the key and the value.
pub fn json<T: DeserializeOwned>(key: &str) -> Result<Option<T>, String> {
    let parsed = get(key)
        .map(|value| serde_json::from_str(&value).map_err(|error| invalid(key, &value, &error)));
    parsed.transpose()
}

/// All of them, sorted by key.
pub fn all() -> Vec<(String, String)> {
    host::all()
}

fn invalid(key: &str, value: &str, error: &dyn Display) -> String {
    format!("the setting `{key}` is `{value}`: {error}")
}

#[cfg(target_family = "wasm")]
use crate::guest::bindings::pelton::handler::settings as host;
#[cfg(not(target_family = "wasm"))]
use crate::testing::settings as host;
