//! A handler whose set-up fails, so that its revision must be refused. The setting `how` says in which way:
//! `error` (the default, with the text of the setting `reason`), `trap`, `loop`, or `not`.

use std::hint::black_box;

use pelton_sdk::{Failure, Message, Output, settings};

#[expect(clippy::panic, reason = "what it is for")]
fn prepare() -> Result<(), String> {
    match settings::get("how").as_deref() {
        Some("not") => Ok(()),
        Some("trap") => panic!("as told"),
        Some("loop") => loop {
            black_box(());
        },
        _ => {
            Err(settings::get("reason").unwrap_or_else(|| "this handler is never ready".to_owned()))
        }
    }
}

#[pelton_sdk::handler(setup = prepare)]
fn handle(_message: &Message) -> Result<Output, Failure> {
    Ok(Output::forward())
}

#[cfg(test)]
mod tests {
    use pelton_sdk::testing::{TestMessage, set_setting};

    use super::*;

    #[test]
    fn it_fails_unless_told_not_to() {
        assert_eq!(prepare(), Err("this handler is never ready".to_owned()));
        set_setting("reason", "no luck");
        assert_eq!(prepare(), Err("no luck".to_owned()));
        set_setting("how", "not");
        assert_eq!(prepare(), Ok(()));
        assert_eq!(TestMessage::new("in").handle(handle).unwrap().len(), 1);
    }
}
