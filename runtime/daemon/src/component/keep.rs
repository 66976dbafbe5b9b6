//! What is kept for the next life of the handler, in the state folder where there is one.
//!
//! Invariant: a state folder that can't be used is said, and the handler goes on without it.

use std::{io, sync::Arc};

use bytes::Bytes;
use pelton_engine::{Engine, EngineSettings, HandlerEnv, Revision};
use pelton_revisions::{Configuration, Digest, Event, Memory};
use tracing::{info, warn};

use super::{
    Conditions, Keeping,
    store::{Folder, Record, Store},
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
            Ok((store.record(), store))
        });
        let (record, store) = match opened.await {
            Ok(opened) => opened,
            Err(error) => {
                warn!(handler, folder = shown, %error,
                    "the state folder can't be used: nothing is kept for the next start");
                return self.recall_in_process();
            }
        };
        self.store = Some(Arc::new(store));
        match record {
            Ok(record) => {
                let good = record.memory.good.is_some();
                info!(handler, folder = shown, good, "recalled what was kept");
                self.recalled(record);
            }
            Err(error) => warn!(handler, folder = shown, %error,
                "what was kept can't be read; it is made anew"),
        }
    }

    fn recall_in_process(&mut self) {
        let process = self.component.kept.clone();
        self.recalled(process.record());
        self.store = Some(Arc::new(Store::Process(process)));
    }

    fn recalled(&mut self, Record { memory, env }: Record) {
        self.good_env = env;
        self.apply(Event::Remembered(memory));
    }

    /// Takes up what is to be written down, while the revision that has proved good is there to say how it is configured.
    pub(super) fn remember(&mut self, memory: Memory) {
        let good = self
            .loaded
            .values()
            .map(Revision::env)
            .find(|env| memory.configuration == Some(env.digest()));
        if let Some(env) = good {
            self.good_env = Some(env.clone());
        }
        self.unwritten = Some(memory);
    }

    /// What content is loaded with that was kept: as it was configured when it proved good. It did with the fixtures
    /// what it was to do then.
    pub(super) fn conditions_then(&self, then: Configuration) -> Result<Conditions, String> {
        let env = self.good_env.clone().filter(|env| env.digest() == then);
        let env = env.ok_or("how it was configured is not kept")?;
        let now = self.component.conditions.clone();
        Ok(Conditions {
            engine: with_room(now.engine, &env)?,
            env,
            probation: now.probation,
            fixtures: None,
        })
    }

    /// Writes down what there is to write down, and drops what nobody needs any more.
    pub(super) async fn write_down(&mut self) {
        let (memory, litter) = (self.unwritten.take(), std::mem::take(&mut self.litter));
        let Some(store) = self.store.clone().filter(|_| memory.is_some() || litter) else {
            return;
        };
        let record = memory.map(|memory| Record::new(memory, self.good_env.clone()));
        let needed: Vec<Digest> = self.machine.needed().collect();
        let write = move || {
            record.map_or(Ok(()), |record| store.remember(&record))?;
            store.keep_only(&needed)
        };
        if let Err(error) = on_a_thread(write).await {
            warn!(handler = %self.component.shared.name, %error,
                "the state folder can't be written: the next start doesn't know of the last change");
        }
    }
}

/// An engine that is large enough: it was made for what is configured now.
fn with_room(engine: Engine, env: &HandlerEnv) -> Result<Engine, String> {
    let (has, limits) = (engine.settings(), &env.limits);
    let wanted = EngineSettings {
        max_memory_bytes: has.max_memory_bytes.max(limits.memory_bytes),
        max_table_elements: has.max_table_elements.max(limits.table_elements),
        ..has.clone()
    };
    if wanted == *has {
        return Ok(engine);
    }
    engine.beside(&wanted).map_err(|error| error.to_string())
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(io::Error::other(error)))
}
