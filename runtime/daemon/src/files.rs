//! Tells when a component's file may have changed.
//!
//! Watches the parent folder, because a rename orphans a watch of the file itself, and asks the file
//! system now and then besides: a ConfigMap switches a link further up, and network file systems say nothing.
//! It only hints; who is told reads the file and compares digests.

mod stamp;

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use notify::{RecommendedWatcher, RecursiveMode};
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
    watched: Mutex<Watched>,
    changed: watch::Receiver<u64>,
}

struct Watched {
    debouncer: Option<Debouncer<RecommendedWatcher, RecommendedCache>>,
    folders: HashSet<PathBuf>,
}

impl Files {
    pub(crate) fn new() -> Self {
        let (tell, changed) = watch::channel(0);
        let told = move |events: DebounceEventResult| match events {
            Ok(events) if events.iter().all(|event| event.kind.is_access()) => {}
            Ok(_) => tell.send_modify(|count| *count += 1),
            Err(errors) => {
                warn!(
                    ?errors,
                    "watching component files is unreliable: they are looked at every {LOOK_ANYWAY:?}"
                );
                tell.send_modify(|count| *count += 1);
            }
        };
        let debouncer = new_debouncer(QUIET, None, told)
            .inspect_err(|error| warn!(%error, "component files can't be watched: they are looked at every {LOOK_ANYWAY:?}"))
            .ok();
        let watched = Watched {
            debouncer,
            folders: HashSet::new(),
        };
        Self(Arc::new(Inner {
            watched: Mutex::new(watched),
            changed,
        }))
    }

    /// Begins to watch a file, which need not exist.
    pub(crate) fn watch(&self, file: &Path) -> Changes {
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut watched = self.0.watched.lock();
        if watched.folders.insert(folder.to_owned())
            && let Some(debouncer) = &mut watched.debouncer
            && let Err(error) = debouncer.watch(folder, RecursiveMode::NonRecursive)
        {
            warn!(folder = %folder.display(), %error,
                "folder can't be watched: its components are looked at every {LOOK_ANYWAY:?}");
        }
        Changes {
            told: self.0.changed.clone(),
            _watcher: self.clone(),
        }
    }
}

/// Where changes are told. Keeps the watcher alive.
pub(crate) struct Changes {
    told: watch::Receiver<u64>,
    _watcher: Files,
}

impl Changes {
    /// Waits until the file may have changed. Cancel-safe.
    pub(crate) async fn next(&mut self) {
        // Without a watcher there is no sender, and only the regular look.
        let told = async {
            if self.told.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        let _ = tokio::time::timeout(LOOK_ANYWAY, told).await;
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
}
