//! The configuration file of a running daemon: whether it has changed, and what it says now.
//!
//! Invariant: a file that was written to while it was read is read again before anything rests on it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use pelton_config::{Bootstrap, Config, Error, Start};
use tokio::{task::spawn_blocking, time::sleep};
use tracing::warn;

use crate::files::{Changes, Stamp};

/// How long a file has been left alone before it is read. A part of a file can be valid, and would end the handlers
/// that are still to be written.
const SETTLED: Duration = Duration::from_millis(200);
/// How often that is waited for, and the file read again: who writes for longer is told so.
const PATIENCE: u32 = 25;

/// How the file was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Missing,
    /// Reading it will say why.
    Unreadable,
    File(Stamp),
}

/// A configuration file, and its state when it was last read.
pub(crate) struct Source {
    path: PathBuf,
    /// The brokers of every cluster, whatever the file says.
    brokers: Option<Bootstrap>,
    changes: Changes,
    read: Option<Found>,
}

impl Source {
    /// A file that is watched. What it held when the daemon started may be different by now, so it counts as changed.
    pub(crate) fn new(path: &Path, brokers: Option<Bootstrap>, changes: Changes) -> Self {
        Self {
            path: path.to_owned(),
            brokers,
            changes,
            read: None,
        }
    }

    /// Whether it has been read in this life of the daemon.
    pub(crate) fn was_read(&self) -> bool {
        self.read.is_some()
    }

    /// Waits until the file is not as it was when it was last read. Cancel-safe.
    pub(crate) async fn changed(&mut self) {
        loop {
            self.changes.next().await;
            let now = self.look().await;
            if self.read == Some(now) {
                continue;
            }
            if now != Found::Missing {
                return;
            }
            self.read = Some(now);
            warn!(file = %self.path.display(), "the configuration file is gone; what runs goes on");
        }
    }

    /// What the file says once nobody writes to it.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) async fn read(&mut self) -> Result<Config, Error> {
        for _ in 0..PATIENCE {
            let before = self.look().await;
            let unsettled = unsettled(before, SystemTime::now());
            if !unsettled.is_zero() {
                sleep(unsettled).await;
                if self.look().await != before {
                    continue;
                }
            }
            // What is written from now on is a change.
            self.read = Some(before);
            let read = self.load().await;
            if self.look().await == before {
                return read;
            }
        }
        let text = "it is being written without a pause; it is read once that ends";
        Err(self.unread(io::Error::other(text)))
    }

    async fn load(&self) -> Result<Config, Error> {
        let path = self.path.clone();
        let read = spawn_blocking(move || load(&path)).await;
        let mut config = read.map_err(|error| self.unread(io::Error::other(error)))??;
        if let Some(brokers) = &self.brokers {
            instead(&mut config, brokers);
        }
        Ok(config)
    }

    fn unread(&self, source: io::Error) -> Error {
        Error::Read {
            path: self.path.clone(),
            source,
        }
    }

    async fn look(&self) -> Found {
        let path = self.path.clone();
        // Where the thread for it dies nothing is known of the file, and reading it says why.
        let found = spawn_blocking(move || fs::metadata(path)).await;
        let Ok(found) = found else {
            return Found::Unreadable;
        };
        match found {
            Ok(found) => Found::File(Stamp::of(&found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Found::Missing,
            Err(_) => Found::Unreadable,
        }
    }
}

/// Puts these brokers in the place of every cluster's. An embedded one's topics begin empty, and what comes before a
/// handler has joined is meant for it.
pub(crate) fn instead(config: &mut Config, brokers: &Bootstrap) {
    for cluster in config.clusters.values_mut() {
        cluster.bootstrap.clone_from(brokers);
    }
    if *brokers == Bootstrap::Embedded {
        for handler in config.handlers.values_mut() {
            handler.start = Start::Earliest;
        }
    }
}

fn load(path: &Path) -> Result<Config, Error> {
    let found = fs::metadata(path);
    // A pipe without a writer would be waited for without an end.
    if found.is_ok_and(|found| !found.is_file()) {
        return Err(Error::Read {
            path: path.to_owned(),
            source: io::Error::other("not a regular file"),
        });
    }
    pelton_config::load(path)
}

/// For how long it is still to be seen that nobody writes to the file. Where its time has not come yet, by the clock of
/// another machine or because this one's was set back, that tells nothing, and it is looked at for the whole time.
fn unsettled(found: Found, now: SystemTime) -> Duration {
    let Found::File(stamp) = found else {
        return Duration::ZERO;
    };
    let now = now.duration_since(SystemTime::UNIX_EPOCH);
    let changed = stamp.since().unwrap_or_default();
    let quiet = now.unwrap_or_default().checked_sub(changed);
    SETTLED.saturating_sub(quiet.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::files::Files;

    fn source(path: &Path) -> Source {
        Source::new(path, None, Files::new().watch(path))
    }

    #[tokio::test]
    async fn what_was_read_is_known_and_what_is_written_after_that_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pelton.toml");
        fs::write(&file, "nothing = 1").unwrap();
        let mut source = source(&file);
        assert!(!source.was_read());
        source.changed().await;
        assert!(source.read().await.is_err());
        assert_eq!(source.read, Some(source.look().await));
        fs::write(&file, "nothing = 2").unwrap();
        source.changed().await;
        source.read().await.unwrap_err();
        // Gone is no change; the file that comes after it is.
        fs::remove_file(&file).unwrap();
        let changed = async {
            source.changed().await;
            file.exists()
        };
        let comes = async {
            sleep(Duration::from_millis(100)).await;
            fs::write(folder.path().join("next"), "nothing = 3").unwrap();
            fs::rename(folder.path().join("next"), &file).unwrap();
        };
        let (is_there, ()) = tokio::join!(changed, comes);
        assert!(is_there, "a file that is gone is told as a change");
        let told = source.read().await.unwrap_err().to_string();
        assert!(told.contains("nothing = 3"), "{told}");
    }

    #[tokio::test]
    async fn a_file_is_settled_once_it_was_quiet_whatever_clock_it_is_of() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pelton.toml");
        fs::write(&file, "nothing = 1").unwrap();
        let found = source(&file).look().await;
        let Found::File(stamp) = found else {
            unreachable!("it is there");
        };
        let at = SystemTime::UNIX_EPOCH + stamp.since().unwrap();
        assert_eq!(unsettled(found, at), SETTLED);
        assert_eq!(unsettled(found, at + SETTLED / 2), SETTLED / 2);
        assert_eq!(unsettled(found, at + SETTLED), Duration::ZERO);
        let ahead = at - Duration::from_secs(1);
        assert_eq!(unsettled(found, ahead), SETTLED, "its clock is ahead");
        assert_eq!(unsettled(Found::Missing, at), Duration::ZERO);
    }

    #[tokio::test]
    async fn a_pipe_in_its_place_holds_up_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("pelton.toml");
        let made = Command::new("mkfifo").arg(&file).status().unwrap();
        assert!(made.success());
        let told = source(&file).read().await.unwrap_err();
        assert!(matches!(told, Error::Read { .. }), "{told}");
    }
}
