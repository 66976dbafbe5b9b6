//! What handlers decide arrives as they decided it.

use std::time::Duration;

use bytes::Bytes;
use pelton_engine::{Call, Curtail, Interface};
use pelton_types::{Header, Headers, Verdict};

use crate::support::*;

#[tokio::test]
async fn a_simple_handler_gets_the_message_as_it_is() {
    let engine = engine(2);
    let revision = simple(&engine);
    assert_eq!(revision.interface(), Interface::Simple);
    let mut messages = messages(&["echo", "", "echo"]);
    messages[0].headers = Headers::from([
        Header {
            name: Bytes::from_static(b"n\xffm"),
            value: Some(Bytes::new()),
        },
        Header {
            name: Bytes::from_static(b"null"),
            value: None,
        },
    ]);
    messages[1].value = None;
    messages[2].key = None;
    let outcomes = give(&revision, &messages, false).await;
    let first = &outcomes[0].outputs[0];
    assert_eq!(first.topic.as_deref(), Some("orders"));
    assert_eq!(first.key, messages[0].key);
    assert_eq!(first.value, messages[0].value);
    let null = Header {
        name: Bytes::from_static(b"null"),
        value: None,
    };
    assert_eq!(first.headers, [Header::new("n\u{fffd}m", ""), null]);
    assert_eq!(outcomes[1].outputs[0].value, None);
    assert_eq!(outcomes[2].outputs[0].key, None);
}

#[tokio::test]
async fn a_packed_handler_s_outputs_may_be_the_same_as_the_message() {
    let engine = engine(2);
    let revision = packed(&engine);
    assert_eq!(revision.interface(), Interface::Packed);
    let mut messages = messages(&["echo", "filter", "echo"]);
    messages[2].headers = Headers::from([Header {
        name: Bytes::from_static(b"\xff"),
        value: None,
    }]);
    let outcomes = give(&revision, &messages, false).await;
    let words: Vec<String> = outcomes.iter().map(word).collect();
    assert_eq!(words, ["done 1", "done 0", "done 1"]);
    let output = &outcomes[2].outputs[0];
    assert_eq!(
        (&output.key, &output.value),
        (&messages[2].key, &messages[2].value)
    );
    // Not what the guest saw of it, but what it stands for.
    assert_eq!(output.headers, messages[2].headers);
    assert_eq!(
        (&output.topic, output.partition, output.timestamp),
        (&None, None, None)
    );
}

#[tokio::test]
async fn handlers_fail_in_three_ways_and_nothing_after_a_failure_is_attempted() {
    let engine = engine(2);
    let revision = simple(&engine);
    let messages = messages(&["e", "r", "e"]);
    let outcomes = give(&revision, &messages, false).await;
    let Verdict::Failed(failure) = &outcomes[1].verdict else {
        panic!("{outcomes:?}")
    };
    assert_eq!(failure.retry_after, Some(Duration::from_millis(250)));
    assert_eq!(
        outcomes.iter().map(word).collect::<Vec<_>>(),
        ["done 1", "retry", "-"]
    );
    let (kind, text) = crate::support::failure(&revision, "j").await;
    assert_eq!(
        (kind.as_str(), text.as_str()),
        ("reject", "tables are full")
    );
    let (kind, text) = crate::support::failure(&revision, "o").await;
    assert_eq!((kind.as_str(), text.as_str()), ("other", "tables are full"));
    assert_eq!(
        verdicts(&packed(&engine), &["e", "r", "e"]).await,
        ["done 1", "retry", "-"]
    );
}

#[tokio::test]
async fn too_many_or_too_large_outputs_fail_their_message_alone() {
    let engine = engine(2);
    for revision in [simple(&engine), packed(&engine)] {
        assert_eq!(
            verdicts(&revision, &["e", "c", "e"]).await,
            ["done 1", "output-limit", "-"]
        );
        let large = "e".repeat(5000);
        assert_eq!(
            verdicts(&revision, &["e", &large, "e"]).await,
            ["done 1", "output-limit", "-"]
        );
    }
}

#[tokio::test]
async fn the_guest_is_told_of_the_delivery() {
    let engine = engine(1);
    let revision = simple(&engine);
    let messages = messages(&["attempt"]);
    let curtail = Curtail::new();
    let call = Call {
        messages: &[(&messages[0], 4)],
        fresh: false,
        curtail: &curtail,
    };
    let outcomes = revision.call(call).await.outcomes;
    assert_eq!(outcomes[0].outputs[0].value.as_deref(), Some(&b"4"[..]));
    assert_eq!(answer(&revision, "id", false).await, "orders");
    assert_eq!(answer(&revision, "quarters left", false).await, "3");
}

#[tokio::test]
async fn a_call_that_is_curtailed_before_it_begins_attempts_nothing() {
    let engine = engine(1);
    let messages = messages(&["e", "e"]);
    let attempts: Vec<_> = messages.iter().map(|message| (message, 1)).collect();
    let curtail = Curtail::new();
    curtail.curtail();
    for revision in [simple(&engine), packed(&engine)] {
        let call = Call {
            messages: &attempts,
            fresh: false,
            curtail: &curtail,
        };
        assert!(
            revision
                .call(call)
                .await
                .outcomes
                .iter()
                .all(|outcome| word(outcome) == "-")
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_curtailed_midway_answers_for_what_it_did() {
    let engine = engine(1);
    // Enough messages for a call to take a while.
    let values: Vec<&str> = std::iter::repeat_n("e", 20_000).collect();
    let messages = messages(&values);
    let attempts: Vec<_> = messages.iter().map(|message| (message, 1)).collect();
    for revision in [simple(&engine), packed(&engine)] {
        revision.trial().await.unwrap();
        let curtail = Curtail::new();
        let later = curtail.clone();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(2));
            later.curtail();
        });
        let call = Call {
            messages: &attempts,
            fresh: false,
            curtail: &curtail,
        };
        let outcomes = revision.call(call).await.outcomes;
        thread.join().unwrap();
        let done = outcomes
            .iter()
            .filter(|outcome| word(outcome) == "done 1")
            .count();
        assert!(
            outcomes[..done]
                .iter()
                .all(|outcome| word(outcome) == "done 1")
        );
        assert!(outcomes[done..].iter().all(|outcome| word(outcome) == "-"));
        assert_eq!(outcomes.len(), messages.len());
    }
}
