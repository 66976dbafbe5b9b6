//! With isolation by message nothing of one message is left for the next.

use pelton_engine::{Call, Curtail, HandlerEnv, Isolation, Revision};
use pelton_types::Message;

use crate::support::*;

fn apart(setup: Option<&str>) -> HandlerEnv {
    HandlerEnv {
        isolation: Isolation::Message,
        ..setup.map_or_else(env, with_setup)
    }
}

async fn counts(revision: &Revision) -> Vec<String> {
    let outcomes = give(revision, &messages(&["n", "n", "n"]), false).await;
    let value = |output: &pelton_types::Output| output.value.clone().unwrap();
    outcomes
        .iter()
        .map(|outcome| String::from_utf8(value(&outcome.outputs[0]).to_vec()).unwrap())
        .collect()
}

#[tokio::test]
async fn state_does_not_survive_a_message() {
    let engine = engine(1);
    let bytes = module("handler", SIMPLE);
    let together = engine.load(&bytes, &env()).unwrap();
    assert_eq!(counts(&together).await, ["1", "2", "3"]);
    let alone = engine.load(&bytes, &apart(None)).unwrap();
    assert_ne!(alone.id(), together.id());
    alone.trial().await.unwrap();
    for _ in 0..3 {
        assert_eq!(counts(&alone).await, ["1", "1", "1"]);
    }
    drop(together);
    assert_eq!(engine.instances(), 0, "an instance was kept");
}

#[tokio::test]
async fn a_batch_component_gets_batches_of_one() {
    let engine = engine(1);
    let bytes = component("packed", PACKED);
    let alone = engine.load(&bytes, &apart(None)).unwrap();
    assert_eq!(
        verdicts(&alone, &["e", "f", "e"]).await,
        ["done 1", "done 0", "done 1"]
    );
    // What came before a trap is not lost with the instance, as it is in one batch.
    assert_eq!(
        verdicts(&alone, &["e", "t", "e"]).await,
        ["done 1", "trap", "-"]
    );
    assert_eq!(
        verdicts(&alone, &["e", "x", "e"]).await,
        ["done 1", "contract", "-"]
    );
    assert_eq!(engine.instances(), 0);
}

#[tokio::test]
async fn each_message_has_a_set_up_of_its_own() {
    let engine = engine(1);
    let bytes = component("packed", PACKED);
    let refuses = engine.load(&bytes, &apart(Some("no table"))).unwrap();
    assert_eq!(verdicts(&refuses, &["e", "e"]).await, ["other", "-"]);
}

#[tokio::test]
async fn a_call_that_is_curtailed_ends_between_messages() {
    let engine = engine(1);
    let alone = engine
        .load(&component("packed", PACKED), &apart(None))
        .unwrap();
    let (messages, curtail) = (messages(&["e"; 1000]), Curtail::new());
    let attempts: Vec<(&Message, u32)> = messages.iter().map(|message| (message, 1)).collect();
    let call = Call {
        messages: &attempts,
        fresh: false,
        curtail: &curtail,
    };
    let (answer, ()) = tokio::join!(alone.call(call), async {
        tokio::task::yield_now().await;
        curtail.curtail();
    });
    let words: Vec<String> = answer.outcomes.iter().map(word).collect();
    let done = words.iter().filter(|word| *word == "done 1").count();
    assert_eq!(words.len(), 1000);
    assert!(words[done..].iter().all(|word| word == "-"));
}
