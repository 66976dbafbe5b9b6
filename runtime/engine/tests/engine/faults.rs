//! A guest can't hurt the daemon or its neighbours.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use pelton_engine::TrialError;
use pelton_types::FailureKind;

use crate::support::*;

#[tokio::test]
async fn a_loop_leaves_the_thread_to_others() {
    let engine = engine(2);
    let revision = simple(&engine);
    revision.trial().await.unwrap();
    let turns = Cell::new(0);
    let neighbour = async {
        loop {
            tokio::time::sleep(Duration::from_millis(1)).await;
            turns.set(turns.get() + 1);
        }
    };
    let (kind, text) = tokio::select! {
        failed = failure(&revision, "l") => failed,
        () = neighbour => unreachable!(),
    };
    assert_eq!(kind, FailureKind::TimeLimit);
    assert!(
        text.contains("100ms") && text.contains("loop_for_ever"),
        "{text}"
    );
    // However busy the machine is: a slice counts for 8 ms at most, so there are at least a dozen.
    assert!(
        turns.get() >= 5,
        "{} turns while another looped",
        turns.get()
    );
}

#[tokio::test]
async fn waiting_for_a_cpu_is_not_the_guest_s_time() {
    let engine = engine(1);
    let revision = simple(&engine);
    revision.trial().await.unwrap();
    let began = Instant::now();
    // A neighbour that takes the thread for twenty times as long as the guest each time.
    let neighbour = async {
        loop {
            std::thread::sleep(Duration::from_millis(20));
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        (kind, _) = failure(&revision, "l") => assert_eq!(kind, FailureKind::TimeLimit),
        () = neighbour => {}
    }
    assert!(
        began.elapsed() > Duration::from_millis(300),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn a_trap_says_why_and_where() {
    let engine = engine(1);
    let (_, text) = failure(&packed(&engine), "t").await;
    assert!(
        text.starts_with("wasm `unreachable`") && text.ends_with(", in handle"),
        "{text}"
    );
    let (kind, text) = failure(&simple(&engine), "d").await;
    assert_eq!(kind, FailureKind::Trap);
    assert!(
        text.ends_with("call stack exhausted, in too_deep"),
        "{text}"
    );
    let (_, text) = failure(&simple(&engine), "m").await;
    assert!(text.contains("16777216 is the limit"), "{text}");
    let (_, text) = failure(&simple(&engine), "w").await;
    assert!(text.ends_with("its last words: tables are full"), "{text}");
}

#[tokio::test]
async fn a_trap_is_told_from_debug_information_beside_the_component_if_it_is_the_same_one() {
    let engine = engine(1);
    let debug = module("packed", PACKED);
    let plain = stripped(&debug);
    assert!(plain.len() < debug.len());
    for (bytes, debug, told) in [
        (&plain, Some(debug.as_slice()), true),
        (&plain, None, false),
        (&plain, Some(b"no component".as_slice()), false),
        (
            &stripped(&module("handler", SIMPLE)),
            Some(debug.as_slice()),
            false,
        ),
    ] {
        let loaded = engine.load_with_debug(bytes, debug, &env()).unwrap();
        // It is the same revision, whatever is known about it.
        let without = engine.load(bytes, &env()).unwrap();
        assert_eq!(loaded.id(), without.id());
        let (kind, text) = failure(&loaded, "t").await;
        assert_eq!(
            (kind, text.contains(", in handle")),
            (FailureKind::Trap, told),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_trial_finds_a_set_up_that_fails() {
    let engine = engine(1);
    let component = component("packed", PACKED);
    let trial = async |setup: &str| {
        engine
            .load(&component, &with_setup(setup))
            .unwrap()
            .trial()
            .await
    };
    assert_eq!(
        trial("no such table").await,
        Err(TrialError::Refused("no such table".to_owned()))
    );
    let Err(TrialError::Setup(failure)) = trial("trap").await else {
        panic!()
    };
    assert_eq!(failure.kind, FailureKind::Trap);
    let Err(TrialError::Setup(failure)) = trial("loop").await else {
        panic!()
    };
    assert_eq!(failure.kind, FailureKind::TimeLimit);
    let revision = engine
        .load(&component, &with_setup("no such table"))
        .unwrap();
    assert_eq!(verdicts(&revision, &["e", "e"]).await, ["other", "-"]);
    packed(&engine).trial().await.unwrap();
}

#[tokio::test]
async fn a_component_that_begins_with_too_much_memory_fails_its_trial() {
    let engine = engine(1);
    let large = SIMPLE.replace(
        "(memory (export \"memory\") 8)",
        "(memory (export \"memory\") 512)",
    );
    let revision = engine.load(&module("handler", &large), &env()).unwrap();
    let Err(TrialError::Instantiate(failure)) = revision.trial().await else {
        panic!()
    };
    assert_eq!(failure.kind, FailureKind::MemoryLimit);
}

#[tokio::test]
async fn host_waits_end_at_the_time_limit() {
    let engine = engine(1);
    let revision = engine.load(&sleeper(), &env()).unwrap();
    let began = Instant::now();
    let (kind, text) = failure(&revision, "e").await;
    assert_eq!(kind, FailureKind::TimeLimit, "{text}");
    assert!(text.contains("waiting for the host"), "{text}");
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(100), "too early: {took:?}");
}

/// A component that sleeps for an hour by WASI's clock.
fn sleeper() -> Vec<u8> {
    wat::parse_str(include_str!("sleeper.wat")).unwrap()
}
