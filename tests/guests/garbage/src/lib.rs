//! Answers batches with rubbish, where a message's value is one of these words; it handles the messages before
//! that one, and none after it. A batch without such a message is forwarded properly.
//!
//! | value | what is emitted |
//! |---|---|
//! | `version` | layout version 99 |
//! | `flags` | a reserved flag set |
//! | `words` | random words |
//! | `counts` | a count of topics of 4 billion |
//! | `too-many` | one verdict more than there are messages |
//! | `arena` | a value longer than the arena |
//! | `utf8` | a text that is not UTF-8 |
//! | `topic` | an output to a topic that the answer doesn't have |
//! | `after-failure` | *done* after a failure, and one verdict more than there are messages if the batch is of one |
//! | `left-over` | words and bytes after the last verdict |
//! | `nothing` | nothing at all |
//! | `twice` | the proper answer, twice |
//! | `unasked` | the proper answer, for a message that `next` was not asked about |
//! | `beyond` | the proper answer, but `next` is asked about a position far beyond the batch |
//! | `backwards` | the proper answer, but `next` is asked about position 0 again |
//! | `large` | an index of 4 million words |

mod bindings {
    #![allow(missing_docs, unsafe_code, reason = "generated from the contract")]
    wit_bindgen::generate!({ path: "../../../wit", world: "packed" });
    export!(Component with_types_in self);
    use super::Component;
}

mod rubbish;

use bindings::{
    exports::pelton::handler::{lifecycle, packed_handler},
    pelton::handler::batch,
};
use pelton_codec::{AnswerWriter, BatchReader, Field, HeaderRef, OutputHeaders, OutputRef};

struct Component;

impl lifecycle::Guest for Component {
    fn setup() -> Result<(), String> {
        Ok(())
    }
}

impl packed_handler::Guest for Component {
    fn handle(arena: Vec<u8>, index: Vec<u32>) {
        let mut answer = AnswerWriter::new();
        let Ok(messages) = BatchReader::new(&arena, &index) else {
            return;
        };
        let count = messages.remaining();
        for (position, message) in (0..).zip(messages.flatten()) {
            let word = message
                .value
                .and_then(|value| str::from_utf8(value).ok())
                .unwrap_or_default();
            if word == "unasked" {
                forward(&mut answer);
                break;
            }
            if !batch::next(position) {
                break;
            }
            if word == "backwards" {
                batch::next(0);
            }
            if word == "beyond" {
                batch::next(1_000_000);
            }
            if let Some((arena, index)) = rubbish::rubbish(word, count) {
                batch::emit(&arena, &index);
                return;
            }
            forward(&mut answer);
            match word {
                "nothing" => return,
                "twice" => batch::emit(answer.arena(), answer.index()),
                _ => {}
            }
        }
        batch::emit(answer.arena(), answer.index());
    }
}

fn forward(answer: &mut AnswerWriter) {
    answer.done();
    // Nothing of this is too long.
    let _ = answer.output(OutputRef {
        topic: None,
        partition: None,
        timestamp: None,
        key: Field::Same,
        value: Field::Same,
        headers: OutputHeaders::<[HeaderRef<'_>; 0]>::Same,
    });
}
