//! What is kept for the next life of the handler, in the state folder where there is one.
//!
//! Invariant: a state folder that can't be used is said, and the handler goes on without it.

use std::{io, sync::Arc};

use bytes::Bytes;
use pelton_revisions::{Digest, Event};
use tracing::{info, warn};

use super::{
    Keeping,
    store::{Folder, Store},
};

/// Where content comes from that is to be loaded: the file, or what is kept.
pub(super) struct Source {
    pub digest: Digest,
    pub of_file: Option<Bytes>,
    pub store: Option<Arc<Store>>,
    pub max_bytes: usize,
}

impl Source {
    pub(super) fn bytes(&self) -> Result<Bytes, String> {
        if let Some(bytes) = &self.of_file {
            return Ok(bytes.clone());
        }
        let store = self.store.as_ref().ok_or("it is not kept")?;
        let kept = store.content(&self.digest, self.max_bytes);
        kept.map_err(|error| format!("what is kept can't be read: {error}"))
    }

    /// Keeps content that could be loaded.
    pub(super) fn keep(&self, bytes: &Bytes, handler: &str) {
        if let Some(store) = &self.store
            && let Err(error) = store.put(&self.digest, bytes)
        {
            warn!(handler, %error, "the component can't be kept in the state folder");
        }
    }
}

impl Keeping {
    /// Takes up what an earlier life has left.
    pub(super) async fn recall(&mut self) {
        let Some(folder) = self.component.state_folder.clone() else {
            return self.recall_in_process();
        };
        let (name, file) = (
            self.component.shared.name.clone(),
            self.component.path.clone(),
        );
        let (handler, shown) = (name.clone(), folder.display().to_string());
        let opened = on_a_thread(move || {
            let store = Store::Folder(Folder::open(&folder, &name, &file)?);
            Ok((store.memory(), store))
        });
        let (memory, store) = match opened.await {
            Ok(opened) => opened,
            Err(error) => {
                warn!(handler, folder = shown, %error,
                    "the state folder can't be used: nothing is kept for the next start");
                return self.recall_in_process();
            }
        };
        self.store = Some(Arc::new(store));
        match memory {
            Ok(memory) => {
                let good = memory.good.is_some();
                info!(handler, folder = shown, good, "recalled what was kept");
                self.apply(Event::Remembered(memory));
            }
            Err(error) => warn!(handler, folder = shown, %error,
                "what was kept can't be read; it is made anew"),
        }
    }

    fn recall_in_process(&mut self) {
        let process = self.component.kept.clone();
        self.apply(Event::Remembered(process.memory()));
        self.store = Some(Arc::new(Store::Process(process)));
    }

    /// Writes down what there is to write down.
    pub(super) async fn write_down(&mut self) {
        let Some((memory, store)) = self.unwritten.take().zip(self.store.clone()) else {
            return;
        };
        let needed: Vec<Digest> = self.machine.needed().collect();
        if let Err(error) = on_a_thread(move || store.remember(&memory, &needed)).await {
            warn!(handler = %self.component.shared.name, %error,
                "the state folder can't be written: the next start doesn't know of the last change");
        }
    }
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
}
