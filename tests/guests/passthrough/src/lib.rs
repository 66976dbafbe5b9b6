//! Forwards each message exactly as it is to the default output: key, value, headers, nulls and all.
//!
//! Where the setting `tag` is set, a header `tag` with its value is added after the others, so that two
//! revisions can be told apart.

use pelton_sdk::{Failure, Message, Output, settings};

fn prepare() -> Result<Option<String>, String> {
    Ok(settings::get("tag"))
}

#[pelton_sdk::handler(setup = prepare)]
fn handle(_message: &Message, tag: &Option<String>) -> Result<Output, Failure> {
    Ok(match tag {
        Some(tag) => Output::forward().header("tag", tag.as_str()),
        None => Output::forward(),
    })
}

#[cfg(test)]
mod tests {
    use pelton_sdk::testing::{Produced, TestMessage, set_setting};

    use super::*;

    fn forwarded(message: &TestMessage) -> Produced {
        let tag = prepare().unwrap();
        let mut produced = message.handle(|message| handle(message, &tag)).unwrap();
        produced.remove(0)
    }

    #[test]
    fn everything_stays_as_it_is() {
        let message = TestMessage::new("in")
            .header("h", "1")
            .null_header("h")
            .header("", "");
        let produced = forwarded(&message);
        assert_eq!(
            (produced.key, produced.value, produced.topic),
            (None, None, None)
        );
        let expected = [("h", Some("1")), ("h", None), ("", Some(""))].map(|(name, value)| {
            (
                name.to_owned(),
                value.map(|value| value.as_bytes().to_vec()),
            )
        });
        assert_eq!(produced.headers, expected);
    }

    #[test]
    fn a_tag_stands_after_the_headers() {
        set_setting("tag", "v2");
        let produced = forwarded(&TestMessage::new("in").key("k").header("tag", "old"));
        assert_eq!(produced.key_str(), Some("k"));
        assert_eq!(produced.header_str("tag"), Some("v2"));
        assert_eq!(produced.headers.len(), 2);
    }
}
