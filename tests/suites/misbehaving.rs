//! A handler can't hurt the daemon or its neighbours: whatever it does, that one message is dead-lettered
//! with the reason, the messages around it go on, and so does the process.

#[path = "misbehaving/neighbours.rs"]
mod neighbours;
#[path = "misbehaving/traps.rs"]
mod traps;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    Copies, DaemonOptions, Draft, Message, Stage, TestCluster, TestDaemon, orders,
};

const LIMIT: Duration = Duration::from_secs(60);

/// Small limits and few attempts, so that misbehaving is soon over.
const SHORT: &str = r#"
retry = { attempts = 2, backoff = "20ms", max-backoff = "20ms" }
limits = { time-per-message = "300ms", memory = "16 MiB", output-messages = 100, output-bytes = "1 MiB" }
"#;

/// What is left of messages that a handler did badly with.
struct Buried {
    stage: Stage,
    daemon: TestDaemon,
    letters: Vec<Message>,
}

/// Sends each bad value between two good ones and returns the dead letters, once the good ones have come
/// out in order and everything is committed.
fn dead_letters(name: &str, guest: &str, bad: &[&str]) -> Result<Buried> {
    let stage = Stage::new(TestCluster::shared(), name, 1)?;
    let options = stage.daemon(guest, SHORT)?;
    dead_letters_of(stage, options, bad)
}

/// The same, with this daemon of the stage's.
fn dead_letters_of(stage: Stage, options: DaemonOptions, bad: &[&str]) -> Result<Buried> {
    let client = TestCluster::shared().client()?;
    let mut daemon = options.start()?;
    let good = orders(bad.len() + 1);
    let mut drafts = vec![good[0].clone()];
    for (value, next) in bad.iter().zip(&good[1..]) {
        let draft = Draft::new("bad", *value)
            .header("kept", "1")
            .header("kept", "2")
            .timestamp(1_700_000_000_000);
        drafts.extend([draft, next.clone()]);
    }
    client.produce(&stage.input, &drafts)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    Copies::of(&good, &client.read_all(&stage.output)?).exactly_once()?;
    ensure!(daemon.is_running(), "the daemon has ended");
    let letters = client.read_all(&stage.dead_letter)?;
    let values: Vec<String> = letters.iter().map(Message::value_text).collect();
    ensure!(
        values == bad,
        "dead letters of {values:?} instead of {bad:?}"
    );
    Ok(Buried {
        stage,
        daemon,
        letters,
    })
}

/// What a dead letter says in one of Pelton's headers.
fn says(letter: &Message, name: &str) -> Result<String> {
    letter
        .header(&format!("pelton-dlq-{name}"))
        .with_context(|| format!("no header pelton-dlq-{name} in {letter:?}"))
}

/// The one line of the daemon's log about a dead letter says what the letter itself says.
fn is_logged_alike(daemon: &TestDaemon, letter: &Message) -> Result<()> {
    let offset = format!(" offset={} ", says(letter, "source-offset")?);
    let lines = daemon.log_lines("dead-lettering message");
    let mut lines = lines.iter().filter(|line| line.contains(&offset));
    let line = lines
        .next()
        .with_context(|| format!("nothing at{offset}"))?;
    ensure!(lines.next().is_none(), "told twice: {line}");
    for (header, field) in [
        ("error-kind", "kind="),
        ("error-text", "error="),
        ("revision", "revision="),
        ("attempts", "attempts="),
    ] {
        let said = format!(" {field}{} ", says(letter, header)?);
        ensure!(line.contains(&said), "without {said:?}: {line}");
    }
    Ok(())
}

#[test]
fn each_misdeed_is_dead_lettered_with_its_kind_and_the_others_go_on() -> Result<()> {
    let misdeeds = [
        ("trap", "trap", "2"),
        ("loop", "time-limit", "2"),
        ("memory", "memory-limit", "2"),
        ("stack", "trap", "2"),
        ("fail:so it goes", "other", "2"),
        ("reject:not an order", "reject", "1"),
        ("huge-output:2000000", "output-limit", "2"),
        ("many-outputs:101", "output-limit", "2"),
        ("topic:elsewhere", "contract", "2"),
        ("partition:99", "produce", "1"),
    ];
    let Buried {
        stage,
        daemon,
        letters,
    } = dead_letters(
        "misbehaves",
        "misbehave",
        &misdeeds.map(|(value, _, _)| value),
    )?;
    for (position, (letter, (value, kind, attempts))) in letters.iter().zip(misdeeds).enumerate() {
        assert_eq!(
            (
                says(letter, "error-kind")?.as_str(),
                says(letter, "attempts")?.as_str()
            ),
            (kind, attempts),
            "{value}"
        );
        assert_eq!(says(letter, "source-topic")?, stage.input);
        assert_eq!(says(letter, "source-partition")?, "0");
        assert_eq!(
            says(letter, "source-offset")?,
            (1 + 2 * position).to_string()
        );
        assert_eq!(
            (says(letter, "group")?, says(letter, "handler")?),
            (stage.group.clone(), stage.handler.clone())
        );
        ensure!(
            !says(letter, "revision")?.is_empty() && !says(letter, "error-text")?.is_empty(),
            "{letter:?}"
        );
        is_logged_alike(&daemon, letter)?;
        assert_eq!(
            (letter.key_text().as_str(), letter.timestamp),
            ("bad", Some(1_700_000_000_000))
        );
        let kept = [
            ("kept".to_owned(), Some(b"1".to_vec())),
            ("kept".to_owned(), Some(b"2".to_vec())),
        ];
        assert_eq!(letter.headers[..2], kept);
    }
    assert!(says(&letters[4], "error-text")?.contains("so it goes"));
    assert!(says(&letters[5], "error-text")?.contains("not an order"));
    Ok(())
}

#[test]
fn garbage_from_the_packed_batch_breaks_the_contract_and_nothing_else() -> Result<()> {
    let rubbish = [
        "version",
        "flags",
        "words",
        "counts",
        "too-many",
        "arena",
        "utf8",
        "topic",
        "after-failure",
        "left-over",
        "nothing",
    ];
    let letters = dead_letters("garbage", "garbage", &rubbish)?.letters;
    for (letter, word) in letters.iter().zip(rubbish) {
        assert_eq!(says(letter, "error-kind")?, "contract", "{word}");
        ensure!(!says(letter, "error-text")?.is_empty(), "{word}");
    }
    Ok(())
}

#[test]
fn beside_a_handler_that_loops_for_ever_another_handles_all_of_its_messages() -> Result<()> {
    let cluster = TestCluster::shared();
    let client = cluster.client()?;
    let (bad, good) = (
        Stage::new(cluster, "looping", 2)?,
        Stage::new(cluster, "neighbour", 2)?,
    );
    let attempts = "retry = { attempts = 1000000 }\nlimits = { time-per-message = \"5s\" }\nsettings = { mode = \"loop\" }\n";
    let text = format!(
        "{}{}",
        bad.config("misbehave", attempts),
        good.handler_config("passthrough", "")
    );
    let mut daemon = DaemonOptions::new("neighbours")?
        .component("misbehave")?
        .component("passthrough")?
        .config(&text)?
        .start()?;
    let drafts = orders(5_000);
    client.produce(&bad.input, &drafts[..10])?;
    client.wait_for_shares(&bad.group, &[2], LIMIT)?;
    client.produce(&good.input, &drafts)?;
    client.wait_for_all_committed(&good.group, &good.input, LIMIT)?;
    Copies::of(&drafts, &client.read_all(&good.output)?).exactly_once()?;
    let untouched = client
        .committed(&bad.group, &bad.input)?
        .iter()
        .all(|next| next.unwrap_or(0) == 0);
    ensure!(untouched, "something of the looping handler was committed");
    ensure!(daemon.is_running(), "the daemon has ended");
    Ok(())
}
