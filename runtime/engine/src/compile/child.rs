//! The parent's side: a child is started, given a component, and waited for no longer than agreed.

use std::{
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
};

use super::{ChildCompiler, FRUGAL, Waiter, answer};
use crate::{error::LoadError, file::ComponentFile, load::REASON_BYTES, text::bounded};

/// Threads of a child. Each takes some memory before it does anything.
const THREADS: usize = 8;
/// Bytes of a dying child's words that are listened to.
const WORDS_BYTES: u64 = 4096;
/// What Rust says before it aborts because there is no memory, and where it can say so without aborting.
const NO_MEMORY: [&str; 2] = ["memory allocation of", "out of memory"];

/// What a child has said by the end.
struct Said {
    answer: Vec<u8>,
    words: String,
}

/// Compiles in a child process.
pub(super) fn compile(
    compiler: &ChildCompiler,
    file: &ComponentFile<'_>,
    waiter: &Waiter,
) -> Result<Vec<u8>, LoadError> {
    // It may have gone while there was no place.
    if waiter.is_gone() {
        return Err(abandoned());
    }
    let unavailable = |error: io::Error| LoadError::CompilerUnavailable {
        program: compiler.program.display().to_string(),
        reason: error.to_string(),
    };
    let mut child = command(compiler, file).spawn().map_err(unavailable)?;
    let serving = waiter.served_by(&child);
    let talked = talk(&mut child, compiler, file);
    drop(serving);
    // It has ended or was killed: in either case it is waited for, so that nothing of it stays.
    let status = child.wait().map_err(unavailable)?;
    let Some(said) = talked.map_err(unavailable)? else {
        return Err(LoadError::CompileTime {
            limit: compiler.time,
        });
    };
    match answer::read(said.answer) {
        Some(result) if status.success() => result,
        _ if waiter.is_gone() => Err(abandoned()),
        _ => Err(died(status, &said.words, compiler)),
    }
}

fn command(compiler: &ChildCompiler, file: &ComponentFile<'_>) -> Command {
    let threads = thread::available_parallelism()
        .map_or(1, usize::from)
        .min(THREADS);
    let cpu = compiler
        .time
        .as_secs()
        .saturating_add(1)
        .saturating_mul(threads as u64);
    let mut command = Command::new(&compiler.program);
    command
        .arg("compile")
        .args(["--component-bytes".to_owned(), file.bytes.len().to_string()])
        .args([
            "--memory-bytes".to_owned(),
            compiler.memory_bytes.to_string(),
        ])
        .args(["--cpu-seconds".to_owned(), cpu.to_string()])
        .args(["--parent".to_owned(), std::process::id().to_string()])
        // Secrets stand in the environment, and a compiler has no use for it.
        .env_clear()
        .env("RAYON_NUM_THREADS", threads.to_string())
        .env(FRUGAL.0, FRUGAL.1)
        .current_dir("/")
        // A Ctrl-C in a terminal is for the parent, which ends its children itself.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Gives the component and takes the answer. `None` when the time is over; without an answer the child is killed.
fn talk(
    child: &mut Child,
    compiler: &ChildCompiler,
    file: &ComponentFile<'_>,
) -> io::Result<Option<Said>> {
    let (Some(stdin), Some(stdout), Some(stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(io::Error::other("it has no pipes"));
    };
    let (told, heard) = mpsc::sync_channel(1);
    thread::scope(|scope| {
        let talk = || {
            thread::Builder::new().spawn_scoped(scope, || feed(stdin, file.bytes))?;
            thread::Builder::new().spawn_scoped(scope, move || {
                let _ = told.send(listen(stdout, stderr, compiler.memory_bytes));
            })?;
            match heard.recv_timeout(compiler.time) {
                Ok(said) => said.map(Some),
                Err(RecvTimeoutError::Timeout) => Ok(None),
                Err(RecvTimeoutError::Disconnected) => {
                    Err(io::Error::other("nobody listened to it"))
                }
            }
        };
        let talked = talk();
        // The scope waits for its threads, and these wait for the child.
        if !matches!(talked, Ok(Some(_))) {
            child.kill()?;
        }
        talked
    })
}

/// A child that ends before it has read all says why by other means.
fn feed(mut stdin: ChildStdin, bytes: &[u8]) {
    let _ = stdin.write_all(bytes);
}

/// An answer can't be larger than the memory it was made in.
fn listen(stdout: impl Read, stderr: impl Read, most: u64) -> io::Result<Said> {
    let (mut answer, mut words) = (Vec::new(), Vec::new());
    stdout.take(most).read_to_end(&mut answer)?;
    stderr.take(WORDS_BYTES).read_to_end(&mut words)?;
    let words = String::from_utf8_lossy(&words).trim().to_owned();
    Ok(Said { answer, words })
}

/// Nobody hears of it, but the log.
fn abandoned() -> LoadError {
    LoadError::CompilerDied {
        how: "nobody waits for it any more".to_owned(),
    }
}

/// Why there is no answer.
fn died(status: ExitStatus, words: &str, compiler: &ChildCompiler) -> LoadError {
    if status.signal() == Some(rustix::process::Signal::XCPU.as_raw()) {
        return LoadError::CompileTime {
            limit: compiler.time,
        };
    }
    if NO_MEMORY.iter().any(|said| words.contains(said)) {
        return LoadError::CompileMemory {
            limit: compiler.memory_bytes,
        };
    }
    let how = if words.is_empty() {
        status.to_string()
    } else {
        format!("{status}, saying: {words}")
    };
    LoadError::CompilerDied {
        how: bounded(&how, REASON_BYTES),
    }
}
