//! What becomes of a daemon whose own tasks die.

use std::path::Path;

use super::*;
use crate::status::Standing;

/// A daemon that waits for its brokers, with the handlers `one` and `other`.
fn waiting() -> Daemon {
    let text = r#"
        [daemon]
        cache = false
        [clusters.default]
        bootstrap-servers = ["127.0.0.1:1"]
        [handlers.one]
        component = "one.wasm"
        topics = ["in"]
        [handlers.other]
        component = "other.wasm"
        topics = ["in"]
    "#;
    let file = Path::new("no-such-folder/pelton.toml");
    let config = pelton_config::parse(text, file, &|_| None).unwrap();
    Daemon::start(&config, &Options::default()).unwrap()
}

#[tokio::test]
async fn a_handler_whose_keeper_dies_fails_and_the_others_go_on() {
    let mut daemon = waiting();
    let keeper = daemon.components.spawn(async { panic!("the keeper") });
    daemon.begun.get_mut("one").unwrap().keeper = keeper;
    let status = daemon.status.clone();
    let failed = |name| {
        let all = status.of(name);
        all.iter()
            .any(|it| matches!(it, Standing::Failed(why) if why.contains("the keeper")))
    };
    let one_failed = async {
        while !failed("one") {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        _ = daemon.run() => unreachable!("the other one goes on"),
        () = one_failed => {}
    }
    assert!(!failed("other"));
    let stopped = daemon.stop().await;
    let names: Vec<_> = stopped.failed.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["one"]);
}

#[tokio::test]
async fn a_daemon_whose_upkeep_dies_says_so() {
    let mut daemon = waiting();
    daemon.upkeep.spawn(async { panic!("the watch") });
    let ended = daemon.run().await;
    assert!(matches!(ended, Err(Error::Upkeep(died)) if died.is_panic()));
    daemon.stop().await;
}
