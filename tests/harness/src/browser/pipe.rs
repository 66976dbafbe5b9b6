//! Commands to the browser, and its answers and events: JSON, each ended by a zero byte.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    process::ChildStdin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// How long the browser may take to answer.
const LIMIT: Duration = Duration::from_secs(60);

/// Reaches a browser from any thread.
#[derive(Debug)]
pub(super) struct Pipe {
    input: Mutex<ChildStdin>,
    next: AtomicU64,
    heard: Arc<Heard>,
}

/// What has come and nobody has taken.
#[derive(Debug, Default)]
struct Heard {
    waiting: Mutex<HashMap<u64, Sender<Value>>>,
    events: Mutex<HashMap<String, Vec<Value>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pipe {
    pub(super) fn new(input: ChildStdin, output: impl Read + Send + 'static) -> Self {
        let heard = Arc::<Heard>::default();
        let hears = heard.clone();
        // Ends with the browser.
        thread::spawn(move || hears.listen(BufReader::new(output)));
        Self {
            input: Mutex::new(input),
            next: AtomicU64::new(1),
            heard,
        }
    }

    /// Has the browser do something, in a page's session or by itself.
    pub(super) fn ask(
        &self,
        session: Option<&str>,
        method: &str,
        parameters: Value,
    ) -> Result<Value> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut command = json!({ "id": id, "method": method, "params": parameters });
        if let Some(session) = session {
            command["sessionId"] = session.into();
        }
        let (sender, answer) = channel();
        lock(&self.heard.waiting).insert(id, sender);
        let mut bytes = serde_json::to_vec(&command)?;
        bytes.push(0);
        let sent = lock(&self.input).write_all(&bytes);
        sent.with_context(|| format!("the browser has ended before {method}"))?;
        let mut answer = answer
            .recv_timeout(LIMIT)
            .with_context(|| format!("the browser doesn't answer {method}"))?;
        if let Some(error) = answer.get("error") {
            bail!("{method}: {error}");
        }
        Ok(answer["result"].take())
    }

    /// All that has happened in a session since it was taken last.
    pub(super) fn events(&self, session: &str) -> Vec<Value> {
        lock(&self.heard.events).remove(session).unwrap_or_default()
    }
}

impl Heard {
    fn listen(&self, mut output: impl BufRead) {
        let mut bytes = Vec::new();
        while output.read_until(0, &mut bytes).is_ok_and(|read| read > 0) {
            bytes.pop();
            if let Ok(value) = serde_json::from_slice(&bytes) {
                self.take(value);
            }
            bytes.clear();
        }
        // Whoever still waits hears that nothing comes any more.
        lock(&self.waiting).clear();
    }

    fn take(&self, value: Value) {
        if let Some(id) = value["id"].as_u64() {
            if let Some(sender) = lock(&self.waiting).remove(&id) {
                // Who has given up doesn't hear it.
                let _ = sender.send(value);
            }
        } else if let Some(session) = value["sessionId"].as_str() {
            let session = session.to_owned();
            lock(&self.events).entry(session).or_default().push(value);
        }
    }
}
