//! Clients that others wrote and users have: KafkaJS (through the scripts in `tests/foreign`) and kcat.

mod kafkajs;
mod kcat;

use std::{
    io::Write,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};

pub use kafkajs::{Partitioner, kafkajs_consume, kafkajs_produce};
pub use kcat::{kcat_consume, kcat_produce};

/// Runs a program with this input and returns its output.
///
/// # Errors
/// When it can't be started, runs longer than `limit`, or ends with anything but 0.
fn run(mut command: Command, input: &[u8], limit: Duration) -> Result<String> {
    let shown = format!("{command:?}");
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("can't start {shown}: run `cargo xtask setup` first"))?;
    let mut pipe = child.stdin.take().context("the child has no input")?;
    let input = input.to_vec();
    // A program that ends early closes the pipe: its exit code tells more than the broken pipe would.
    let feeder = thread::spawn(move || drop(pipe.write_all(&input)));
    let id = child.id();
    let waiter = thread::spawn(move || child.wait_with_output());
    let ended = crate::wait::until_true(&shown, limit, || Ok(waiter.is_finished()));
    if ended.is_err() {
        Command::new("kill")
            .args(["-s", "KILL", &id.to_string()])
            .status()?;
    }
    drop(feeder.join());
    let Ok(output) = waiter.join() else {
        bail!("nobody waited for {shown}")
    };
    let output = output?;
    let said = String::from_utf8_lossy(&output.stderr);
    ended.with_context(|| format!("it said: {said}"))?;
    ensure!(
        output.status.success(),
        "{shown} failed ({}): {said}",
        output.status
    );
    String::from_utf8(output.stdout)
        .with_context(|| format!("{shown} wrote something that isn't UTF-8"))
}
