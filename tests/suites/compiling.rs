//! Compiling happens beside the daemon: it holds up neither other handlers nor a stop, what it refuses is told, and
//! what it has made is kept for the next life.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    Copies, DaemonOptions, Stage, TestCluster, TestDaemon, component, orders, paths, wait,
};

const LIMIT: Duration = Duration::from_secs(60);
/// Handlers of a daemon that starts with a warm cache.
const MANY: usize = 20;

/// A daemon with a handler that works, and one whose component keeps the compiler busy.
fn beside_a_busy_compiler(
    stage: &Stage,
    busy: &Stage,
    compile_timeout: &str,
) -> Result<DaemonOptions> {
    let options = stage.daemon("passthrough", "")?;
    let file = options.folder().join("busy.wasm");
    fs::write(file, component::nested_blocks(100_000))?;
    options.config(&format!(
        "{}{}[daemon]\ncompile-timeout = {compile_timeout:?}\n",
        stage.config("passthrough", ""),
        busy.handler_config("busy", "")
    ))
}

/// The processes that a daemon has started and that run.
fn compilers(daemon: u32) -> Result<Vec<u32>> {
    let ids = fs::read_dir("/proc")?.flatten();
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(ids.filter(|id| parent(*id) == Some(daemon)).collect())
}

/// The parent of a process; `None` if that has ended.
fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let (_, after) = stat.rsplit_once(')')?;
    let mut words = after.split_whitespace();
    if words.next()? == "Z" {
        return None;
    }
    words.next()?.parse().ok()
}

#[test]
fn a_busy_compiler_holds_up_neither_another_handler_nor_a_stop() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "beside", 1)?);
    let busy = Stage::new(cluster, "compiled", 1)?;
    let mut daemon = beside_a_busy_compiler(&stage, &busy, "1h")?.start()?;
    daemon.wait_for_log_times("loading component", 2, LIMIT)?;
    let drafts = orders(300);
    client.produce(&stage.input, &drafts)?;
    let outputs = client.read_at_least(&stage.output, drafts.len(), LIMIT)?;
    Copies::of(&drafts, &outputs).exactly_once()?;
    let compilers = compilers(daemon.id())?;
    ensure!(
        compilers.len() == 1,
        "{compilers:?} are at work on one component"
    );
    assert_eq!(daemon.stop(LIMIT)?, 0);
    wait::until_true("the compiler to end with its daemon", LIMIT, || {
        Ok(compilers.iter().all(|id| parent(*id).is_none()))
    })
}

#[test]
fn a_file_that_takes_too_long_is_refused_with_the_limit_and_a_better_one_runs() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "intime", 1)?);
    let busy = Stage::new(cluster, "toolong", 1)?;
    let options = beside_a_busy_compiler(&stage, &busy, "8s")?;
    let file = options.folder().join("busy.wasm");
    let mut daemon = options.start()?;
    daemon.wait_for_log("compiling it took longer than 8s", LIMIT)?;
    daemon.wait_for_log("daemon.compile-timeout", LIMIT)?;
    let left = compilers(daemon.id())?;
    ensure!(left.is_empty(), "{left:?} were not ended");
    component::replace(&file, &fs::read(paths::guest("passthrough")?)?)?;
    let drafts = orders(10);
    client.produce(&busy.input, &drafts)?;
    let outputs = client.read_at_least(&busy.output, drafts.len(), LIMIT)?;
    Copies::of(&drafts, &outputs).exactly_once()
}

#[test]
fn twenty_handlers_start_from_what_was_kept_without_a_compiler() -> Result<()> {
    let cluster = TestCluster::shared();
    let options = DaemonOptions::new("kept")?;
    let bytes = fs::read(paths::guest("passthrough")?)?;
    let mut config = String::new();
    for number in 0..MANY {
        let stage = Stage::new(cluster, &format!("kept-{number}"), 1)?;
        let name = format!("handler-{number}");
        let file = options.folder().join(format!("{name}.wasm"));
        fs::write(file, component::variant(&bytes, number as u32))?;
        config.push_str(&match number {
            0 => stage.config(&name, ""),
            _ => stage.handler_config(&name, ""),
        });
    }
    let mut daemon = options.config(&config)?.start()?;
    let counted = |daemon: &TestDaemon| -> Result<[f64; 4]> {
        let count = |name: &str| daemon.metric(&format!("pelton_{name}_total"), &[]);
        Ok([
            count("compilations")?,
            count("compile_cache_hits")?,
            count("compile_cache_misses")?,
            count("compile_cache_rejects")?,
        ])
    };
    daemon.wait_for_log_times("revision runs", MANY, 2 * LIMIT)?;
    let many = MANY as f64;
    assert_eq!(counted(&daemon)?, [many, 0.0, many, 0.0]);
    let begun = Instant::now();
    daemon.restart()?;
    daemon.wait_for_log_times("revision runs", 2 * MANY, LIMIT)?;
    println!(
        "{MANY} handlers are ready {:?} after a start with a warm cache",
        begun.elapsed()
    );
    assert_eq!(counted(&daemon)?, [0.0, many, 0.0, 0.0]);
    // One bit of one file: it is found, and costs one compilation.
    let cache = daemon.folder().join("cache");
    let mut files = fs::read_dir(cache)?.flatten().map(|entry| entry.path());
    let file = files.find(|path| path.extension().is_some_and(|end| end == "code"));
    let file = file.context("nothing is kept")?;
    let mut kept = fs::read(&file)?;
    let middle = kept.len() / 2;
    kept[middle] ^= 1;
    fs::write(&file, kept)?;
    daemon.restart()?;
    daemon.wait_for_log_times("revision runs", 3 * MANY, LIMIT)?;
    assert_eq!(counted(&daemon)?, [1.0, many - 1.0, 0.0, 1.0]);
    daemon.wait_for_log("kept code is damaged", LIMIT)
}
