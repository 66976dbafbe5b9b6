//! In a batch the failure stands at the message that failed, and costs the others nothing.

use crate::support::*;

#[tokio::test]
async fn a_trap_in_a_batch_stands_at_its_message() {
    let engine = engine(2);
    let revision = packed(&engine);
    assert_eq!(
        verdicts(&revision, &["e", "e", "t", "e"]).await,
        ["-", "-", "trap", "-"]
    );
    assert_eq!(verdicts(&revision, &["e", "e"]).await, ["done 1", "done 1"]);
    // One call each: what was answered before stays answered.
    assert_eq!(
        verdicts(&simple(&engine), &["e", "t", "e"]).await,
        ["done 1", "trap", "-"]
    );
}

#[tokio::test]
async fn a_time_limit_is_each_message_s_own() {
    let engine = engine(2);
    assert_eq!(
        verdicts(&packed(&engine), &["e", "l", "e"]).await,
        ["-", "time-limit", "-"]
    );
    assert_eq!(
        verdicts(&simple(&engine), &["e", "l", "e"]).await,
        ["done 1", "time-limit", "-"]
    );
}

#[tokio::test]
async fn a_memory_limit_is_told_from_a_trap() {
    let engine = engine(2);
    for revision in [packed(&engine), simple(&engine)] {
        let words = verdicts(&revision, &["m"]).await;
        assert_eq!(words, ["memory-limit"]);
        assert_eq!(verdicts(&revision, &["t"]).await, ["trap"]);
    }
}

#[tokio::test]
async fn an_answer_that_breaks_the_contract_fails_the_first_message() {
    let engine = engine(2);
    let revision = packed(&engine);
    for (value, expected) in [
        ("x", "layout version 9"),
        ("v", "99 is no valid verdict"),
        ("p", "7 is no valid topic"),
        ("y", "more than once"),
        ("z", "without calling batch.emit"),
        ("u", "message 1 without calling batch.next"),
        ("b", "batch.next(0)"),
    ] {
        let messages = messages(&["e", value, "e"]);
        let outcomes = give(&revision, &messages, false).await;
        let words: Vec<String> = outcomes.iter().map(word).collect();
        assert_eq!(words, ["contract", "-", "-"], "{value}");
        let text = format!("{:?}", outcomes[0].verdict);
        assert!(text.contains(expected), "{value}: {text}");
    }
}

#[tokio::test]
async fn a_short_answer_leaves_the_rest_but_not_everything() {
    let engine = engine(1);
    let revision = packed(&engine);
    assert_eq!(
        verdicts(&revision, &["e", "q", "e"]).await,
        ["done 1", "-", "-"]
    );
    assert_eq!(
        verdicts(&revision, &["e", "k", "e"]).await,
        ["done 1", "-", "done 1"]
    );
    // Else the same batch would be called for ever.
    assert_eq!(verdicts(&revision, &["q", "e"]).await, ["contract", "-"]);
    assert_eq!(verdicts(&revision, &["k", "k"]).await, ["contract", "-"]);
}
