//! Instances are used again while they are sound, and never afterwards.

use std::{future::poll_fn, pin::pin, task::Poll, time::Duration};

use pelton_engine::{Call, Curtail};

use crate::support::*;

#[tokio::test]
async fn an_instance_is_used_again() {
    let engine = engine(2);
    let revision = simple(&engine);
    revision.trial().await.unwrap();
    assert_eq!(answer(&revision, "n", false).await, "1");
    assert_eq!(answer(&revision, "n", false).await, "2");
    assert_eq!(answer(&revision, "n", true).await, "1");
}

#[tokio::test]
async fn an_instance_that_trapped_is_not_used_again() {
    let engine = engine(1);
    let revision = simple(&engine);
    assert_eq!(answer(&revision, "n", false).await, "1");
    assert_eq!(answer(&revision, "n", false).await, "2");
    for value in ["t", "l", "m"] {
        failure(&revision, value).await;
        assert_eq!(answer(&revision, "n", false).await, "1", "after {value}");
    }
    failure(&revision, "j").await;
    assert_eq!(
        answer(&revision, "n", false).await,
        "3",
        "a rejection is no fault of the instance"
    );
}

#[tokio::test]
async fn memory_is_that_of_all_living_instances() {
    let engine = engine(2);
    let revision = simple(&engine);
    assert_eq!(revision.memory(), 0);
    revision.trial().await.unwrap();
    let of_one = revision.memory();
    assert!(
        of_one >= 65_536 && of_one.is_multiple_of(65_536),
        "{of_one}"
    );
    assert_eq!(answer(&revision, "n", true).await, "1");
    assert_eq!(revision.memory(), 2 * of_one, "both wait for a call");
    failure(&revision, "t").await;
    assert_eq!(revision.memory(), of_one, "the one that trapped is gone");
}

#[tokio::test]
async fn what_a_guest_ran_is_told_apart_from_what_it_waited() {
    let engine = engine(1);
    let revision = simple(&engine);
    let limit = revision.env().limits.time_per_message;
    let (messages, curtail) = (messages(&["l"]), Curtail::new());
    let call = Call {
        messages: &[(&messages[0], 1)],
        fresh: false,
        curtail: &curtail,
    };
    let answer = revision.call(call).await;
    assert!(answer.ran >= limit, "ended by its limit: {:?}", answer.ran);
    assert_eq!(answer.waited, Duration::ZERO);
}

#[tokio::test]
async fn a_dropped_call_takes_its_instance_along() {
    let engine = engine(1);
    let revision = simple(&engine);
    for _ in 0..5 {
        assert_eq!(answer(&revision, "n", false).await, "1");
        {
            let messages = messages(&["l"]);
            let mut call = pin!(give(&revision, &messages, false));
            let pending =
                poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_pending())).await;
            assert!(pending);
        }
    }
    assert_eq!(answer(&revision, "n", false).await, "1");
}

#[tokio::test]
async fn handlers_share_the_slots_and_an_exhausted_pool_makes_them_wait() {
    let engine = engine(2);
    let revisions = [
        simple(&engine),
        packed(&engine),
        simple(&engine),
        packed(&engine),
    ];
    let calls = (0..40).map(|number| {
        let revision = revisions[number % revisions.len()].clone();
        async move {
            assert_eq!(verdicts(&revision, &["e", "e"]).await, ["done 1", "done 1"]);
        }
    });
    let mut tasks = tokio::task::JoinSet::new();
    for call in calls {
        tasks.spawn(call);
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn who_waits_for_a_slot_is_served_when_one_is_free() {
    let engine = engine(1);
    let (busy, waiting) = (simple(&engine), packed(&engine));
    let (failed, words) = tokio::join!(failure(&busy, "l"), async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        verdicts(&waiting, &["e"]).await
    });
    assert_eq!(failed.0.as_str(), "time-limit");
    assert_eq!(words, ["done 1"]);
}

#[tokio::test]
async fn instances_go_with_their_revision() {
    let engine = engine(1);
    for _ in 0..20 {
        let revision = packed(&engine);
        revision.trial().await.unwrap();
        assert_eq!(verdicts(&revision, &["e"]).await, ["done 1"]);
    }
}
