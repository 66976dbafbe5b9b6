//! Tells when a component's file may have changed.
//!
//! Watches the parent folder, because a rename orphans a watch of the file itself, and asks the file
//! system now and then besides: a ConfigMap switches a link further up, and network file systems say nothing.
//! It only hints; who is told reads the file and compares digests.

mod stamp;

use std::{
    collections::HashMap,
    path::{self, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{Event, RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use parking_lot::Mutex;
use tokio::sync::watch;
use tracing::warn;

pub(crate) use self::stamp::Stamp;

/// How long a file must be quiet before its change is told: an editor writes in several steps.
const QUIET: Duration = Duration::from_millis(50);
/// How often to look even when nothing was told.
const LOOK_ANYWAY: Duration = Duration::from_secs(2);

/// One watcher for all components of a daemon: the kernel allows few of them.
#[derive(Clone)]
pub(crate) struct Files(Arc<Inner>);

struct Inner {
    debouncer: Mutex<Option<Debouncer<RecommendedWatcher, RecommendedCache>>>,
    folders: Folders,
}

/// Who is told of what happens in which folder.
#[derive(Clone, Default)]
struct Folders(Arc<Mutex<HashMap<PathBuf, Folder>>>);

struct Folder {
    tell: watch::Sender<u64>,
    /// It is watched: it was there.
    watched: bool,
}

impl Files {
    pub(crate) fn new() -> Self {
        let folders = Folders::default();
        let told = folders.clone();
        let debouncer = new_debouncer(QUIET, None, move |events| told.heard(events))
            .inspect_err(|error| warn!(%error, "component files can't be watched: they are looked at every {LOOK_ANYWAY:?}"))
            .ok();
        Self(Arc::new(Inner {
            debouncer: Mutex::new(debouncer),
            folders,
        }))
    }

    /// Begins to watch a file, which need not exist.
    pub(crate) fn watch(&self, file: &Path) -> Changes {
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        // As the watcher names it when something happens there.
        let folder = path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let told = self.0.folders.subscribe(&folder);
        if let Err(error) = self.begin(&folder) {
            warn!(folder = %folder.display(), %error,
                "folder can't be watched: its components are looked at every {LOOK_ANYWAY:?}");
        }
        Changes {
            told,
            folder,
            files: self.clone(),
        }
    }

    /// Watches a folder, unless it is watched.
    fn begin(&self, folder: &Path) -> Result<(), notify::Error> {
        let mut debouncer = self.0.debouncer.lock();
        if let Some(debouncer) = &mut *debouncer
            && !self.0.folders.is_watched(folder)
        {
            debouncer.watch(folder, RecursiveMode::NonRecursive)?;
            self.0.folders.set_watched(folder, true);
        }
        Ok(())
    }
}

impl Folders {
    fn subscribe(&self, folder: &Path) -> watch::Receiver<u64> {
        let mut all = self.0.lock();
        let folder = all.entry(folder.to_owned()).or_insert_with(|| Folder {
            tell: watch::Sender::new(0),
            watched: false,
        });
        folder.tell.subscribe()
    }

    fn is_watched(&self, folder: &Path) -> bool {
        self.0.lock().get(folder).is_some_and(|it| it.watched)
    }

    fn set_watched(&self, folder: &Path, watched: bool) {
        if let Some(folder) = self.0.lock().get_mut(folder) {
            folder.watched = watched;
        }
    }

    fn heard(&self, events: DebounceEventResult) {
        match events {
            Ok(events) => {
                let changes = events.iter().filter(|event| !event.kind.is_access());
                changes.for_each(|event| self.happened(event));
            }
            Err(errors) => {
                warn!(
                    ?errors,
                    "watching component files is unreliable: they are looked at every {LOOK_ANYWAY:?}"
                );
                self.tell_all();
            }
        }
    }

    fn happened(&self, event: &Event) {
        // Something was missed.
        if event.need_rescan() || event.paths.is_empty() {
            return self.tell_all();
        }
        for path in &event.paths {
            // A folder that is gone takes its watch along.
            if event.kind.is_remove() {
                self.set_watched(path, false);
            }
            self.tell(path);
            path.parent().into_iter().for_each(|it| self.tell(it));
        }
    }

    fn tell(&self, folder: &Path) {
        if let Some(folder) = self.0.lock().get(folder) {
            folder.tell.send_modify(|count| *count += 1);
        }
    }

    fn tell_all(&self) {
        for folder in self.0.lock().values() {
            folder.tell.send_modify(|count| *count += 1);
        }
    }
}

/// Where changes are told. Keeps the watcher alive.
pub(crate) struct Changes {
    told: watch::Receiver<u64>,
    folder: PathBuf,
    files: Files,
}

impl Changes {
    /// Waits until the file may have changed. Cancel-safe.
    pub(crate) async fn next(&mut self) {
        // Where nothing tells, there is only the regular look.
        let told = async {
            if self.told.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        if tokio::time::timeout(LOOK_ANYWAY, told).await.is_err() {
            // It may be there by now; why it couldn't be watched was said.
            let _ = self.files.begin(&self.folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What is told, without the regular look.
    async fn told(changes: &mut Changes) {
        changes.told.changed().await.unwrap();
    }

    #[tokio::test]
    async fn a_file_replaced_rewritten_or_reached_by_a_switched_link_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("handler.wasm");
        let mut changes = Files::new().watch(&file);
        fs::write(folder.path().join("new"), "1").unwrap();
        fs::rename(folder.path().join("new"), &file).unwrap();
        told(&mut changes).await;
        fs::write(&file, "2").unwrap();
        told(&mut changes).await;
        fs::write(folder.path().join("..2026"), "3").unwrap();
        std::os::unix::fs::symlink("..2026", folder.path().join("link")).unwrap();
        fs::rename(folder.path().join("link"), &file).unwrap();
        told(&mut changes).await;
    }

    #[tokio::test]
    async fn a_file_with_a_relative_path_is_told_too() {
        let folder = tempfile::tempdir().unwrap();
        let here = std::env::current_dir().unwrap();
        let up = here.components().skip(1).map(|_| "..");
        let relative = up.collect::<PathBuf>();
        let relative = relative.join(folder.path().strip_prefix("/").unwrap());
        let mut changes = Files::new().watch(&relative.join("handler.wasm"));
        fs::write(folder.path().join("handler.wasm"), "1").unwrap();
        told(&mut changes).await;
    }

    #[tokio::test]
    async fn what_happens_in_one_folder_wakes_nobody_of_another() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let files = Files::new();
        let mut of_one = files.watch(&one.path().join("a.wasm"));
        let of_other = files.watch(&other.path().join("b.wasm"));
        fs::write(one.path().join("a.wasm"), "1").unwrap();
        told(&mut of_one).await;
        assert!(!of_other.told.has_changed().unwrap());
    }

    #[tokio::test]
    async fn a_folder_that_comes_later_or_anew_is_watched() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("components");
        let mut changes = Files::new().watch(&folder.join("a.wasm"));
        for content in ["1", "2"] {
            fs::create_dir(&folder).unwrap();
            // The regular look tries again.
            while !changes.files.0.folders.is_watched(&folder) {
                changes.next().await;
            }
            fs::write(folder.join("a.wasm"), content).unwrap();
            told(&mut changes).await;
            fs::remove_dir_all(&folder).unwrap();
            while changes.files.0.folders.is_watched(&folder) {
                told(&mut changes).await;
            }
        }
    }
}
