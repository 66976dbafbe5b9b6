//! `pelton offsets`: where a group stands is shown, and set elsewhere only while nobody is a member.

use std::{
    path::Path,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::{Result, ensure};
use pelton_harness::{Draft, Stage, TestCluster, command::pelton};
use serde_json::Value;

use crate::LIMIT;

fn offsets(folder: &Path, arguments: &[&str]) -> Result<Value> {
    let all = [&["offsets"], arguments, &["--json"]].concat();
    let (code, answer, words) = pelton(folder, &all)?;
    ensure!(code == 0, "{arguments:?}: {code}: {words}");
    Ok(answer)
}

fn drafts(what: &str) -> Vec<Draft> {
    let draft = |n| Draft::new("k", format!("{what} {n}")).partition(n % 2);
    (0..10).map(draft).collect()
}

#[test]
fn a_group_without_members_goes_on_where_it_is_told_to() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "reset", 2)?);
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    let (folder, handler) = (daemon.folder().to_owned(), &*stage.handler);
    // The first three of each partition were written two hours ago.
    let long_ago = i64::try_from(now()?)? - 2 * 3_600_000;
    let mut early = drafts("early");
    for draft in &mut early[..6] {
        draft.timestamp = Some(long_ago);
    }
    client.produce(&stage.input, &early)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    // The only way to have a time that lies between two messages' is to let some pass.
    thread::sleep(Duration::from_millis(50));
    let between = now()?;
    thread::sleep(Duration::from_millis(50));
    client.produce(&stage.input, &drafts("late"))?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let stands = offsets(&folder, &["show", handler])?;
    assert_eq!(
        (&stands[1]["committed"], &stands[1]["end"]),
        (&10.into(), &10.into())
    );
    assert_eq!(
        (&stands[1]["lag"], &stands[1]["oldest"]),
        (&0.into(), &0.into())
    );

    let reset = ["reset", handler, "--to", "earliest"];
    assert_eq!(offsets(&folder, &reset)?["partitions"][0]["new"], 0);
    assert_eq!(
        client.committed(&stage.group, &stage.input)?,
        [Some(10), Some(10)]
    );
    let (code, _, words) = pelton(
        &folder,
        &["offsets", "reset", handler, "--to", "0", "--execute"],
    )?;
    ensure!(
        code == 1 && words.contains("has members"),
        "{code}: {words}"
    );
    assert_eq!(
        client.committed(&stage.group, &stage.input)?,
        [Some(10), Some(10)]
    );
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");

    let time = rfc3339(between);
    for (to, partition, committed) in [
        ("earliest", None, [0, 0]),
        ("latest", Some("1"), [0, 10]),
        ("7", Some("0"), [7, 10]),
        ("99", None, [10, 10]),
        (&*time, None, [5, 5]),
        ("1h", None, [3, 3]),
        ("3h", None, [0, 0]),
        (&*time, None, [5, 5]),
    ] {
        let mut arguments = vec!["reset", handler, "--execute", "--to", to];
        if let Some(partition) = partition {
            arguments.extend(["--partition", partition]);
        }
        assert_eq!(offsets(&folder, &arguments)?["executed"], true);
        let now = client.committed(&stage.group, &stage.input)?;
        assert_eq!(now, committed.map(Some), "{to}");
    }
    daemon.restart()?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let outputs = client.read_all(&stage.output)?;
    let late = outputs
        .iter()
        .filter(|m| m.value_text().starts_with("late"));
    assert_eq!(
        (outputs.len(), late.count()),
        (30, 20),
        "the late ones came again"
    );
    for (arguments, said) in [
        (vec!["offsets", "show", "nobody"], handler),
        (
            vec!["offsets", "reset", handler, "--to", "tomorrow"],
            "`earliest` or `latest`",
        ),
    ] {
        let (code, _, words) = pelton(&folder, &arguments)?;
        ensure!(
            code == 2 && words.contains(said),
            "{arguments:?}: {code}: {words}"
        );
    }
    Ok(())
}

/// Milliseconds since 1970.
fn now() -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(u64::try_from(now.as_millis())?)
}

/// A time as people write it, to a millisecond.
fn rfc3339(millis: u64) -> String {
    let output = std::process::Command::new("date")
        .args([
            "-u",
            "-d",
            &format!("@{}.{:03}", millis / 1_000, millis % 1_000),
        ])
        .arg("+%Y-%m-%dT%H:%M:%S.%3NZ")
        .output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).trim().to_owned()
}
