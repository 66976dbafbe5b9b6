//! Answers by more than its message, as a handler must not: the value says by what.
//!
//! | value | what is answered |
//! |---|---|
//! | `count` | how many messages this instance was given |
//! | `seen` | nothing, if this instance was given the message before |
//! | `nth` | which message of its key it is, of those that this instance was given, counted from 1; one that comes again is the same one |
//! | `cached` | its key in capitals, which is kept from the key's first message, as a cache may |
//! | `random` | random bytes of the host's |
//! | `clock` | the host's clocks |
//! | `remaining` | how much time the message has left |
//!
//! Anything else is forwarded as it is.

use std::collections::{HashMap, HashSet};

use pelton_sdk::{Failure, Message, Output, delivery};

/// What an instance remembers.
#[derive(Default)]
struct Memory {
    count: u64,
    seen: HashSet<String>,
    /// By key, the messages in the order in which they first came.
    of_key: HashMap<String, Vec<String>>,
    cache: HashMap<String, String>,
}

fn prepare() -> Result<Memory, String> {
    Ok(Memory::default())
}

#[pelton_sdk::handler(setup = prepare)]
fn handle(message: &Message, memory: &mut Memory) -> Result<Option<Output>, Failure> {
    memory.count += 1;
    let id = format!(
        "{}/{}@{}",
        message.topic(),
        message.partition(),
        message.offset()
    );
    let key = message.key_str().unwrap_or_default();
    let of_key = memory.of_key.entry(key.to_owned()).or_default();
    if !of_key.contains(&id) {
        of_key.push(id.clone());
    }
    let nth = of_key
        .iter()
        .position(|one| *one == id)
        .map_or(0, |at| at + 1);
    let new = memory.seen.insert(id);
    let value = message.value_str().unwrap_or_default();
    let answer = match value {
        "count" => memory.count.to_string(),
        "seen" if !new => return Ok(None),
        "nth" => nth.to_string(),
        "cached" => {
            let cached = memory.cache.entry(key.to_owned());
            cached.or_insert_with(|| key.to_uppercase()).clone()
        }
        "random" => format!("{:?}", host::random()),
        "clock" => host::clock(),
        "remaining" => delivery::remaining().as_nanos().to_string(),
        other => other.to_owned(),
    };
    Ok(Some(Output::new().value(answer)))
}

#[cfg(target_arch = "wasm32")]
mod host {
    #![allow(missing_docs, unsafe_code, reason = "generated from WASI's interfaces")]
    wit_bindgen::generate!({
        path: "../wasi.wit",
        world: "pelton:guests/remembers",
        generate_all,
    });

    use wasi::{
        clocks::{monotonic_clock, wall_clock},
        random::{insecure, insecure_seed, random},
    };

    pub fn random() -> (Vec<u8>, u64, (u64, u64)) {
        (
            random::get_random_bytes(8),
            insecure::get_insecure_random_u64(),
            insecure_seed::insecure_seed(),
        )
    }

    pub fn clock() -> String {
        let wall = wall_clock::now();
        format!(
            "{}.{} {}",
            wall.seconds,
            wall.nanoseconds,
            monotonic_clock::now()
        )
    }
}

/// Tests of this guest's own have no host.
#[cfg(not(target_arch = "wasm32"))]
mod host {
    pub fn random() -> u64 {
        4
    }

    pub fn clock() -> String {
        "noon".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use pelton_sdk::testing::TestMessage;

    use super::*;

    #[test]
    fn it_remembers() {
        let mut memory = prepare().unwrap();
        let mut value = |value: &str| {
            let message = TestMessage::new("t").value(value);
            let produced = message
                .handle(|message| handle(message, &mut memory))
                .unwrap();
            produced
                .first()
                .and_then(|output| output.value_str().map(str::to_owned))
        };
        assert_eq!(value("count").as_deref(), Some("1"));
        assert_eq!(value("count").as_deref(), Some("2"));
        assert_eq!(value("seen"), None);
        assert_eq!(value("as it is").as_deref(), Some("as it is"));
        assert_eq!(value("clock").as_deref(), Some("noon"));
    }

    #[test]
    fn one_that_comes_again_is_the_same_one() {
        let mut memory = prepare().unwrap();
        let mut nth = |value: &str, offset: i64| {
            let message = TestMessage::new("t").key("k").value(value).at(0, offset);
            let produced = message
                .handle(|message| handle(message, &mut memory))
                .unwrap();
            produced[0].value_str().map(str::to_owned)
        };
        let expected = [
            ("nth", 5, "1"),
            ("nth", 6, "2"),
            ("nth", 5, "1"),
            ("cached", 5, "K"),
        ];
        for (value, offset, answer) in expected {
            assert_eq!(nth(value, offset).as_deref(), Some(answer));
        }
    }
}
