//! What the machine does to a daemon: its disk is full, its clock is set.

use std::{
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use pelton_harness::{DaemonOptions, Draft, Stage, TestCluster, orders, paths};

use crate::{
    LIMIT,
    guide::{Entry, shell},
    nothing_is_lost,
};

/// Starts a daemon over a cache of its own, on a disk that the code of a former component fills but for a page, which the
/// cache's key takes. The file system is seen by that process alone, and goes with it.
const ON_A_FULL_DISK: &str = r#"
mkdir -p cache && mount -t tmpfs -o size=1m,mode=700 none cache || exit 2
head -c 1020k /dev/zero > cache/$(printf '%064d' 0).code
exec "$0" run -c pelton.toml
"#;

#[test]
fn a_disk_under_the_cache_that_is_full() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "full", 1)?);
    let options = stage.daemon("passthrough", "")?.instead("unshare");
    let program = paths::pelton()?;
    let arguments = ["--map-root-user", "--mount", "sh", "-c", ON_A_FULL_DISK];
    let options = arguments.into_iter().fold(options, DaemonOptions::argument);
    let mut daemon = options.argument(program).start()?;
    // As that process sees it.
    let (id, folder) = (daemon.id(), daemon.folder().display());
    let cache = format!("/proc/{id}/root{folder}/cache");
    let meant = [("CACHE", &*cache)];
    let entry = Entry::read("The disk under the cache is full", &stage, &meant)?;
    entry.begins_with(&daemon)?;
    daemon.wait_ready(LIMIT)?;
    entry.is_told(&daemon)?;
    let drafts = orders(200);
    client.produce(&stage.input, &drafts[..100])?;
    nothing_is_lost(&client, &stage, &drafts[..100])?;
    let by_hand = |line: &[&str]| shell(daemon.folder(), line);
    entry.carry_out(daemon.folder(), by_hand)?;
    entry.is_over(&daemon)?;
    client.produce(&stage.input, &drafts[100..])?;
    nothing_is_lost(&client, &stage, &drafts)?;
    entry.is_told_no_more_than_that(&daemon)
}

#[test]
fn a_clock_that_was_set_back() -> Result<()> {
    a_clock_that_was_set("back", -2)
}

#[test]
fn a_clock_that_was_set_ahead() -> Result<()> {
    a_clock_that_was_set("ahead", 2)
}

fn a_clock_that_was_set(name: &str, hours: i64) -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, name, 1)?);
    let mut entry = Entry::read("The clock was set", &stage, &[])?;
    let soon = r#"retry = { backoff = "3s", max-backoff = "3s" }"#;
    let options = stage.daemon("misbehave", soon)?;
    let offset = options.folder().join("offset");
    let ahead = File::create_new(&offset)?;
    let set = |hours: i64| ahead.write_all_at(&(hours * 3600).to_ne_bytes(), 0);
    set(0)?;
    let library = clock_library(options.folder())?;
    let text = |path: &Path| {
        path.to_str()
            .map(str::to_owned)
            .context("a path that is no text")
    };
    let mut daemon = options
        .environment("LD_PRELOAD", &text(&library)?)
        .environment("PELTON_TEST_CLOCK", &text(&offset)?)
        .start()?;
    entry.is_to_come(&daemon)?;
    // A retry is due in three seconds when the clock is set.
    let mut drafts = vec![Draft::new("k", "fail-until:2")];
    drafts.extend(orders(100));
    client.produce(&stage.input, &drafts[..1])?;
    daemon.wait_for_log("attempt failed", LIMIT)?;
    set(hours)?;
    entry.is_told(&daemon)?;
    client.produce(&stage.input, &drafts[1..])?;
    nothing_is_lost(&client, &stage, &drafts)?;
    let mut restarted = false;
    let folder = daemon.folder().to_owned();
    entry.carry_out(&folder, |line| match line {
        ["chronyc", "makestep"] => Ok(set(hours / 2)?),
        ["systemctl", "restart", "pelton"] => {
            ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
            restarted = true;
            daemon.restart()
        }
        other => bail!("what is {other:?}?"),
    })?;
    ensure!(restarted, "the guide restarts nothing");
    entry.is_over(&daemon)?;
    entry.is_told_no_more_than_that(&daemon)
}

/// Makes the library that lets a program see another time.
fn clock_library(folder: &Path) -> Result<PathBuf> {
    let (source, library) = (
        paths::repository().join("tests/clock/clock.c"),
        folder.join("clock.so"),
    );
    let done = Command::new("cc")
        .args(["-shared", "-fPIC", "-Wall", "-Werror", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status()
        .context("can't run cc, which building Pelton needs too")?;
    ensure!(done.success(), "{} can't be compiled", source.display());
    Ok(library)
}
