//! Running programs so that nobody wonders whether it still moves: output goes through as it comes, with the name of
//! what is run before each line, because suites run beside each other;
//! a silence of half a minute is broken by a line, and a program that outstays its time is ended.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::paths;

/// The longest silence.
const SILENCE: Duration = Duration::from_secs(30);

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Tests that passed.
    pub passed: u32,
    /// Tests that failed.
    pub failed: u32,
}

impl Tally {
    /// Adds another tally.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }

    /// What a line of libtest's output counts: `test result: ok. 7 passed; 0 failed; ...`.
    fn of_line(line: &str) -> Self {
        let Some(rest) = line.trim_start().strip_prefix("test result: ") else {
            return Self::default();
        };
        let number = |name: &str| {
            let before = rest
                .split(';')
                .find_map(|part| part.trim().strip_suffix(name))?;
            before.rsplit(' ').next()?.parse().ok()
        };
        Self {
            passed: number(" passed").unwrap_or(0),
            failed: number(" failed").unwrap_or(0),
        }
    }
}

/// A command in the repository's root.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(paths::root());
    command
}

/// Runs a command, forwards its output, and counts the tests in it.
///
/// # Errors
/// When it fails, or still runs at `deadline`; then it and its children are ended.
pub fn run(what: &str, command: Command, deadline: Option<Instant>) -> Result<Tally> {
    let (tally, result) = run_counting(what, command, deadline);
    result.map(|()| tally)
}

/// As [`run`], with the tests counted also when it fails.
pub fn run_counting(
    what: &str,
    mut command: Command,
    deadline: Option<Instant>,
) -> (Tally, Result<()>) {
    let mut tally = Tally::default();
    let shown = show(&command);
    println!("{what} $ {shown}");
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            return (
                tally,
                Err(error).with_context(|| format!("can't start `{shown}`")),
            );
        }
    };
    let start = Instant::now();
    let lines = lines_of(&mut child);
    loop {
        match lines.recv_timeout(SILENCE.min(left(deadline))) {
            Ok(line) => {
                tally.add(Tally::of_line(&line));
                println!("{what} | {line}");
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => println!(
                "{what} | ... still running after {} s",
                start.elapsed().as_secs()
            ),
        }
        if left(deadline).is_zero() {
            end_with_descendants(&child);
            let _ = child.wait();
            return (
                tally,
                Err(anyhow::anyhow!(
                    "`{shown}` ran out of the time that {what} has"
                )),
            );
        }
    }
    let result = match child.wait() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(anyhow::anyhow!("`{shown}` failed ({status})")),
        Err(error) => Err(error.into()),
    };
    (tally, result)
}

/// Runs a command quietly and returns what it wrote.
///
/// # Errors
/// When it can't be started or fails.
pub fn output(mut command: Command) -> Result<String> {
    let shown = show(&command);
    let done = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start `{shown}`"))?;
    if !done.status.success() {
        bail!(
            "`{shown}` failed ({}): {}",
            done.status,
            String::from_utf8_lossy(&done.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Whether a program is there, as far as `program --version` (or whatever is given) tells.
pub fn works(program: &str, arguments: &[&str]) -> bool {
    let done = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output();
    done.is_ok_and(|done| done.status.success())
}

/// Does something that may take long, telling every half a minute that it still runs.
pub fn while_telling<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    thread::scope(|scope| {
        let (done, wait) = sync_channel::<()>(0);
        scope.spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = wait.recv_timeout(SILENCE) {
                println!(
                    "{what} | ... still running after {} s",
                    start.elapsed().as_secs()
                );
            }
        });
        let result = work();
        drop(done);
        result
    })
}

/// The child's output line by line. A line that nobody takes makes the child wait.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let (sender, receiver) = sync_channel(1000);
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                if sender
                    .send(String::from_utf8_lossy(&line).into_owned())
                    .is_err()
                {
                    return;
                }
            }
        });
    }
    receiver
}

/// The time that is left; a day when there is no deadline.
fn left(deadline: Option<Instant>) -> Duration {
    deadline.map_or(Duration::from_secs(86_400), |deadline| {
        deadline.saturating_duration_since(Instant::now())
    })
}

/// Ends a child and all below it. They are not put into a process group of their own,
/// because then Ctrl-C would not reach them.
fn end_with_descendants(child: &Child) {
    let all = output(command("ps", &["-e", "-o", "pid=,ppid="])).unwrap_or_default();
    let pairs: Vec<(u32, u32)> = all
        .lines()
        .filter_map(|line| {
            let mut numbers = line
                .split_whitespace()
                .filter_map(|number| number.parse().ok());
            Some((numbers.next()?, numbers.next()?))
        })
        .collect();
    let mut doomed = vec![child.id()];
    let mut next = 0;
    while let Some(&parent) = doomed.get(next) {
        doomed.extend(
            pairs
                .iter()
                .filter(|(_, of)| *of == parent)
                .map(|(pid, _)| pid),
        );
        next += 1;
    }
    let ids: Vec<String> = doomed.iter().map(u32::to_string).collect();
    // What has ended meanwhile needs no signal.
    let _ = Command::new("kill")
        .args(["-s", "KILL"])
        .args(ids)
        .stderr(Stdio::null())
        .status();
}

/// A command as one would type it.
fn show(command: &Command) -> String {
    let program = command.get_program().to_string_lossy().into_owned();
    command.get_args().fold(program, |line, argument| {
        format!("{line} {}", argument.to_string_lossy())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_libtest_says() {
        let line = "test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured; 1 filtered out; finished in 26.38s";
        assert_eq!(
            Tally::of_line(line),
            Tally {
                passed: 7,
                failed: 2
            }
        );
        assert_eq!(
            Tally::of_line("test result_of_something ... ok"),
            Tally::default()
        );
    }

    #[test]
    fn ends_what_outstays_its_time_with_all_its_children() {
        let nap = command("sh", &["-c", "echo begun; sleep 4321 & wait"]);
        let deadline = Instant::now() + Duration::from_millis(300);
        let error = run("a nap", nap, Some(deadline)).expect_err("it sleeps for more than an hour");
        assert!(
            error
                .to_string()
                .contains("ran out of the time that a nap has"),
            "{error}"
        );
        let all = output(command("ps", &["-e", "-o", "args="])).expect("ps runs");
        assert!(!all.lines().any(|line| line == "sleep 4321"), "{all}");
    }
}
