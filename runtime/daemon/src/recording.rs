//! Writes down what a partition's machine was told and what it commanded, for replay by the simulator.

use std::{
    fs::{self, File},
    io::{self, LineWriter, Write},
    path::Path,
    time::Duration,
};

use pelton_dispatch::{Checkpoint, Command, Event, Policy, RecordingHeader, Step};
use pelton_types::TopicPartition;
use serde::Serialize;
use tracing::warn;

/// The recording of one assignment of one partition: a header, then a line for each event.
///
/// Each line is written at once, so that a killed daemon leaves what it did.
pub(crate) struct Recording(Option<LineWriter<File>>);

impl Recording {
    /// Begins a recording in a folder; `nth` tells assignments of the same partition apart.
    pub(crate) fn begin(
        folder: &Path,
        handler: &str,
        partition: &TopicPartition,
        nth: u64,
        policy: &Policy,
        start: &Checkpoint,
    ) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let (topic, number, process) = (&partition.topic, partition.partition, std::process::id());
        let file = File::create_new(
            folder.join(format!("{handler}-{topic}-{number}-{process}-{nth}.jsonl")),
        )?;
        let mut recording = Self(Some(LineWriter::new(file)));
        recording.line(&RecordingHeader {
            policy: policy.clone(),
            start: start.clone(),
            handler: handler.to_owned(),
            topic: topic.to_string(),
            partition: number,
        });
        Ok(recording)
    }

    pub(crate) fn step(&mut self, at: Duration, event: Event, commands: &[Command]) {
        self.line(&Step {
            at,
            event,
            commands: commands.to_vec(),
        });
    }

    fn line(&mut self, line: &impl Serialize) {
        let Some(writer) = &mut self.0 else { return };
        let written = serde_json::to_writer(&mut *writer, line)
            .map_err(io::Error::from)
            .and_then(|()| writer.write_all(b"\n"));
        if let Err(error) = written {
            warn!(%error, "the recording ends here: it can't be written");
            self.0 = None;
        }
    }
}
