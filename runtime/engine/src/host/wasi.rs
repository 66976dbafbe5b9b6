//! WASI 0.2 for components whose language brings it: clocks and random numbers, and nothing to see.
//!
//! No files, no environment, no arguments, no network; standard input is at its end, and lines of standard
//! output and error go to the handler's log.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::AsyncWrite;
use tracing::Level;
use wasmtime_wasi::{
    WasiCtx, WasiCtxView, WasiView, async_trait,
    cli::{IsTerminal, StdoutStream},
    p2::{OutputStream, Pollable, StreamResult},
};

use crate::{frozen::Frozen, journal::Journal, state::State};

/// Bytes a guest may write at once, and the longest line that is held back for its end.
const WRITE_BYTES: usize = 4096;
/// Random bytes a guest may ask for at once. Making them can't be interrupted, and wasmtime-wasi's own limit is
/// 64 MiB.
const RANDOM_BYTES: u64 = 64 * 1024;

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (ctx, table) = self.wasi();
        WasiCtxView { ctx, table }
    }
}

/// WASI for one instance.
pub(crate) struct Wasi {
    pub(crate) ctx: WasiCtx,
    /// Standard output and standard error.
    lines: [Lines; 2],
}

impl Wasi {
    /// For one instance; frozen, for one message in it.
    pub(crate) fn new(journal: &Arc<Journal>, frozen: Option<&Frozen>) -> Self {
        let lines = [
            Lines::new(journal, Level::INFO, false),
            Lines::new(journal, Level::WARN, true),
        ];
        let [output, error] = lines.clone();
        let mut builder = WasiCtx::builder();
        if let Some(frozen) = frozen {
            frozen.apply(&mut builder);
        }
        let ctx = builder
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(RANDOM_BYTES)
            .stdout(output)
            .stderr(error)
            .build();
        Self { ctx, lines }
    }

    /// Writes lines that were begun: what belongs to one message doesn't wait for the next.
    pub(crate) fn end_lines(&self) {
        self.lines.iter().for_each(Lines::end);
    }
}

/// An output stream that is cut into lines of the log.
#[derive(Clone)]
struct Lines {
    journal: Arc<Journal>,
    level: Level,
    last_words: bool,
    begun: Arc<Mutex<Vec<u8>>>,
}

impl Lines {
    fn new(journal: &Arc<Journal>, level: Level, last_words: bool) -> Self {
        Self {
            journal: journal.clone(),
            level,
            last_words,
            begun: Arc::default(),
        }
    }

    fn accept(&self, bytes: &[u8]) {
        let mut begun = self.begun.lock();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            begun.extend_from_slice(part);
            if part.ends_with(b"\n") || begun.len() >= WRITE_BYTES {
                self.say(&begun);
                begun.clear();
            }
        }
    }

    fn end(&self) {
        let mut begun = self.begun.lock();
        self.say(&begun);
        begun.clear();
    }

    fn say(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        if !line.trim().is_empty() {
            self.journal
                .write(self.level, line.trim_end(), self.last_words);
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        // Only WASI 0.3 asks for this one, which is not linked.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Lines {
    fn write(&mut self, bytes: bytes::Bytes) -> StreamResult<()> {
        self.accept(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(WRITE_BYTES)
    }
}

#[async_trait]
impl Pollable for Lines {
    async fn ready(&mut self) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log_budget::LogBudget;

    #[test]
    fn output_is_cut_into_lines() {
        let budget = LogBudget::new("h".into(), 10, 100);
        let journal = Arc::new(Journal::new(Arc::new(budget)));
        let lines = Lines::new(&journal, Level::WARN, true);
        journal.begin(0);
        lines.accept(b"\nthread panicked");
        assert_eq!(journal.last_words(), None);
        lines.accept(b" at x\nboom\nrest");
        assert_eq!(
            journal.last_words().as_deref(),
            Some("thread panicked at x / boom")
        );
        lines.end();
        assert_eq!(
            journal.last_words().as_deref(),
            Some("thread panicked at x / boom / rest")
        );
    }
}
