//! Does what its messages say, and much of that is bad. The first line of the value is a command, or where the
//! setting `mode` is set, that is, whatever the value:
//!
//! | command | what happens |
//! |---|---|
//! | `trap`, `trap:TEXT` | logs the text, then panics |
//! | `loop` | never returns |
//! | `memory` | allocates until it is stopped |
//! | `stack` | recurses until it is stopped |
//! | `fail`, `fail:TEXT` | fails with a text (`as told`) |
//! | `reject`, `reject:TEXT` | rejects with a text (`as told`) |
//! | `retry:N` | asks for another attempt until attempt N, then forwards |
//! | `fail-until:N` | fails until attempt N, then forwards |
//! | `trap-until:N` | panics until attempt N, then forwards |
//! | `slow:MS` | computes for so many milliseconds, then forwards |
//! | `huge-output`, `huge-output:BYTES` | one output of so many bytes (64 MiB) |
//! | `many-outputs:N` | N outputs, each the message |
//! | `topic:NAME` | forwards to this topic |
//! | `partition:N` | forwards to this partition |
//! | `log:N` | logs N lines, then forwards |
//! | `where` | its place and its id, as the value |
//!
//! Anything else is forwarded exactly as it is, null values too.

use std::hint::black_box;

use pelton_sdk::{Failure, Message, OrFail, Output, Outputs, delivery, log, settings};

fn prepare() -> Result<Option<String>, String> {
    Ok(settings::get("mode"))
}

#[pelton_sdk::handler(setup = prepare)]
fn handle(message: &Message, mode: &Option<String>) -> Result<Outputs, Failure> {
    let command = mode.as_deref().or(message.value_str()).unwrap_or_default();
    let command = command.lines().next().unwrap_or_default();
    let (command, argument) = command.split_once(':').unwrap_or((command, ""));
    match command {
        "trap" => {
            log::info!("{argument}");
            trap();
        }
        "loop" => spin(|| true),
        "memory" => eat_memory(),
        "stack" => {
            recurse(0);
        }
        "fail" => return Err(Failure::other(text(argument))),
        "reject" => return Err(Failure::reject(text(argument))),
        "retry" if message.attempt() < number(argument)? => return Err(Failure::retry()),
        "fail-until" if message.attempt() < number(argument)? => {
            return Err(Failure::other("not yet"));
        }
        "trap-until" if message.attempt() < number(argument)? => trap(),
        "slow" => compute(number(argument)?.into()),
        "huge-output" => {
            let bytes = if argument.is_empty() {
                64 << 20
            } else {
                number(argument)?
            };
            return Ok(Output::new()
                .same_key()
                .value(vec![b'x'; bytes as usize])
                .into());
        }
        "many-outputs" => return Ok((0..number(argument)?).map(|_| Output::forward()).collect()),
        "topic" => return Ok(Output::forward().topic(argument.to_owned()).into()),
        "partition" => return Ok(Output::forward().partition(argument.parse()?).into()),
        "where" => return Ok(place(message)),
        "log" => (0..number(argument)?).for_each(|line| log::info!("line {line}")),
        _ => {}
    }
    Ok(Output::forward().into())
}

fn place(message: &Message) -> Outputs {
    let id = delivery::id().map(|id| id.to_string());
    let (topic, partition, offset) = (message.topic(), message.partition(), message.offset());
    let headers = message.headers().count();
    let told = format!(
        "{topic}/{partition}@{offset} {} {headers}",
        id.unwrap_or_default()
    );
    Output::new().same_key().value(told).into()
}

fn text(argument: &str) -> &str {
    if argument.is_empty() {
        "as told"
    } else {
        argument
    }
}

fn number(argument: &str) -> Result<u32, Failure> {
    argument
        .parse::<u32>()
        .or_reject("the command needs a number")
}

#[expect(clippy::panic, reason = "what it is for")]
fn trap() {
    panic!("as told");
}

/// Keeps the processor busy as long as the condition holds.
fn spin(condition: impl Fn() -> bool) {
    let mut turns = 0_u64;
    while condition() {
        turns = black_box(turns.wrapping_add(1));
    }
}

/// Guests have no clock; the time that is left runs down by the host's.
fn compute(millis: u64) {
    let until = delivery::remaining()
        .as_millis()
        .saturating_sub(millis.into());
    spin(|| delivery::remaining().as_millis() > until);
}

fn eat_memory() {
    let mut eaten = Vec::new();
    loop {
        eaten.push(black_box(vec![1_u8; 1 << 20]));
    }
}

#[expect(unconditional_recursion, reason = "what it is for")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame[63]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use pelton_sdk::testing::{Produced, TestMessage, set_setting};

    use super::*;

    fn told(message: TestMessage) -> Result<Vec<Produced>, Failure> {
        let mode = prepare().unwrap();
        message.handle(|message| handle(message, &mode))
    }

    fn message(command: &str) -> TestMessage {
        TestMessage::new("in").value(command)
    }

    #[test]
    fn failures_are_of_the_kind_that_was_told() {
        assert_eq!(told(message("fail")), Err(Failure::other("as told")));
        assert_eq!(
            told(message("reject:no: really")),
            Err(Failure::reject("no: really"))
        );
        assert_eq!(told(message("retry:3").attempt(2)), Err(Failure::retry()));
        assert_eq!(
            told(message("retry:3").attempt(3)).unwrap()[0].value_str(),
            Some("retry:3")
        );
        assert!(told(message("retry:x")).unwrap_err().is_reject());
        let padded = told(message("fail:no\nmore of it"));
        assert_eq!(padded, Err(Failure::other("no")));
    }

    #[test]
    fn outputs_are_as_many_and_as_large_as_was_told() {
        assert_eq!(told(message("many-outputs:3")).unwrap().len(), 3);
        assert_eq!(
            told(message("huge-output:5")).unwrap()[0].value_str(),
            Some("xxxxx")
        );
        assert_eq!(
            told(message("topic:elsewhere")).unwrap()[0]
                .topic
                .as_deref(),
            Some("elsewhere")
        );
        assert_eq!(told(message("partition:7")).unwrap()[0].partition, Some(7));
    }

    #[test]
    fn anything_else_is_forwarded() {
        assert_eq!(
            told(TestMessage::new("in").key("k")).unwrap()[0].key_str(),
            Some("k")
        );
        assert_eq!(
            told(message("hello")).unwrap()[0].value_str(),
            Some("hello")
        );
    }

    #[test]
    fn the_mode_goes_before_the_value() {
        set_setting("mode", "fail:by mode");
        assert_eq!(told(message("hello")), Err(Failure::other("by mode")));
    }

    #[test]
    fn a_wish_for_a_delay_would_be_kept() {
        let wish = || Err::<(), _>(Failure::retry_after(Duration::from_millis(5)));
        assert_eq!(
            message("x").handle(|_| wish()),
            Err(Failure::retry_after(Duration::from_millis(5)))
        );
    }
}
