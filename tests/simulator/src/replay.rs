//! Replays recordings of real runs.
//!
//! Each recorded event goes through a fresh machine, which must command exactly what was recorded, and
//! through the [`Model`], which must allow the event and find nothing wrong with the commands.
//! A process that was killed leaves a last line without its end: that line is not judged.

mod summary;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use pelton_dispatch::{Partition, RecordingHeader, Step};

pub use self::summary::Summary;
use crate::model::{Model, Violation};

/// What is wrong with a recording.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder can't be read.
    #[error("can't read {path}")]
    Read {
        /// Which one.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line is not what a recording consists of.
    #[error("{path}:{line}: not a line of a recording")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The machine of today commands something else than the one that was recorded.
    #[error(
        "{path}:{line}: upon {event} the recording has {recorded}, the machine commands {replayed}"
    )]
    Differs {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// The event.
        event: String,
        /// The recorded commands.
        recorded: String,
        /// What came now.
        replayed: String,
    },
    /// The event can't happen, or the commands break a rule.
    #[error("{path}:{line}: upon {event}")]
    Violation {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// The event.
        event: String,
        /// What is wrong.
        #[source]
        source: Violation,
    },
    /// There is nothing to replay, which proves nothing.
    #[error(
        "no recording (*.jsonl) below {path}; run the tests on a real broker with recording switched on first"
    )]
    Nothing {
        /// Where recordings were looked for.
        path: PathBuf,
    },
}

/// Replays every recording below a folder.
pub fn folder(path: &Path) -> Result<Summary, Error> {
    let mut files = Vec::new();
    find(path, &mut files)?;
    files.sort();
    let mut summary = Summary::default();
    for path in &files {
        summary.merge(&file(path)?);
    }
    if summary.events() == 0 {
        return Err(Error::Nothing {
            path: path.to_owned(),
        });
    }
    Ok(summary)
}

fn find(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let unreadable = |source| Error::Read {
        path: folder.to_owned(),
        source,
    };
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path
            .extension()
            .is_some_and(|extension| extension == "jsonl")
        {
            files.push(path);
        }
    }
    Ok(())
}

/// Replays one recording.
pub fn file(path: &Path) -> Result<Summary, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    recording(path, &bytes)
}

/// Replays the text of one recording; `path` is named in errors.
pub fn recording(path: &Path, bytes: &[u8]) -> Result<Summary, Error> {
    let torn = |line: usize| {
        move |source| Error::Line {
            path: path.to_owned(),
            line,
            source,
        }
    };
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let lines = bytes[..whole]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    let mut lines = lines.zip(1..);
    let Some((header, line)) = lines.next() else {
        return Ok(Summary::of_an_empty_recording());
    };
    let header: RecordingHeader = serde_json::from_slice(header).map_err(torn(line))?;
    let mut machine = Partition::new(header.policy.clone(), &header.start);
    let mut model = Model::new(header.policy, &header.start);
    let mut summary = Summary::of_a_recording();
    let mut commands = Vec::new();
    for (step, line) in lines {
        let step: Step = serde_json::from_slice(step).map_err(torn(line))?;
        commands.clear();
        machine.handle(step.at, step.event.clone(), &mut commands);
        let event = || format!("{:?} at {:?}", step.event, step.at);
        if commands != step.commands {
            let (recorded, replayed) = (format!("{:?}", step.commands), format!("{commands:?}"));
            return Err(Error::Differs {
                path: path.to_owned(),
                line,
                event: event(),
                recorded,
                replayed,
            });
        }
        model
            .step(step.at, &step.event, &commands)
            .and_then(|()| model.agrees(&machine.snapshot()))
            .map_err(|source| Error::Violation {
                path: path.to_owned(),
                line,
                event: event(),
                source,
            })?;
        summary.count(&step.event, &commands);
    }
    Ok(summary)
}
