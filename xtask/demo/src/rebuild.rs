//! The examples' components: built at the start, and again whenever their source changes.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use notify::{RecommendedWatcher, RecursiveMode};
use notify_debouncer_full::{DebounceEventResult, Debouncer, RecommendedCache, new_debouncer};
use pelton_toolchain::{CargoOutput, Rebuilder, Toolchain};

use crate::scene::HANDLERS;

/// How long a source must be quiet: editors write in several steps.
const QUIET: Duration = Duration::from_millis(200);
/// Most lines shown of what the compiler says.
const ERROR_LINES: usize = 30;

/// What a rebuild came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Built {
    /// A source has changed; the compiler runs.
    Begun {
        /// The handler.
        handler: &'static str,
    },
    /// Another component is in place.
    Replaced {
        /// The handler.
        handler: &'static str,
        /// How long the compiler ran.
        took: Duration,
    },
    /// The component came out as it was.
    Same {
        /// The handler.
        handler: &'static str,
    },
    /// It can't be built.
    Failed {
        /// The handler.
        handler: &'static str,
        /// What the compiler says.
        lines: Vec<String>,
    },
}

/// The examples, and what builds them.
pub struct Examples(Vec<(&'static str, Rebuilder)>);

/// Keeps watching while it lives.
pub struct Watch {
    _debouncer: Debouncer<RecommendedWatcher, RecommendedCache>,
}

impl Examples {
    /// Builds all examples, and shows what cargo says.
    ///
    /// # Errors
    /// One can't be built.
    pub fn build() -> Result<Self> {
        let toolchain = Toolchain::find()?;
        let mut all = Vec::new();
        for handler in HANDLERS {
            let mut rebuilder =
                Rebuilder::new(toolchain.clone(), handler.source(), handler.component());
            rebuilder
                .rebuild(CargoOutput::Shown)
                .with_context(|| format!("can't build the example {}", handler.name))?;
            all.push((handler.name, rebuilder));
        }
        Ok(Self(all))
    }

    /// Builds again what changes, and tells each step to `tell`.
    ///
    /// # Errors
    /// Files can't be watched here.
    pub fn watch(mut self, tell: impl Fn(Built) + Send + 'static) -> Result<Watch> {
        let folders: Vec<PathBuf> = self
            .0
            .iter()
            .map(|(_, own)| own.folder().to_owned())
            .collect();
        let changed = move |_: DebounceEventResult| self.rebuild(&tell);
        let mut debouncer =
            new_debouncer(QUIET, None, changed).context("can't watch the examples' sources")?;
        for folder in folders {
            debouncer
                .watch(&folder, RecursiveMode::Recursive)
                .with_context(|| format!("can't watch {}", folder.display()))?;
        }
        Ok(Watch {
            _debouncer: debouncer,
        })
    }

    fn rebuild(&mut self, tell: &impl Fn(Built)) {
        for (handler, rebuilder) in self.0.iter_mut().filter(|(_, own)| own.is_stale()) {
            let (handler, begun) = (*handler, Instant::now());
            tell(Built::Begun { handler });
            tell(match rebuilder.rebuild(CargoOutput::Kept) {
                Ok(true) => Built::Replaced {
                    handler,
                    took: begun.elapsed(),
                },
                Ok(false) => Built::Same { handler },
                Err(why) => Built::Failed {
                    handler,
                    lines: readable(&format!("{why:#}")),
                },
            });
        }
    }
}

/// The compiler's own words, without cargo's progress, cut where they go on for ever.
fn readable(said: &str) -> Vec<String> {
    let is_progress = |line: &&str| {
        [
            "Compiling ",
            "Blocking ",
            "Finished ",
            "warning: build failed",
        ]
        .iter()
        .any(|start| line.trim_start().starts_with(start))
    };
    let begins = |line: &str| line.starts_with("error") || line.starts_with("warning");
    let mut lines: Vec<&str> = said.lines().filter(|line| !is_progress(line)).collect();
    if let Some(first) = lines.iter().position(|line| begins(line)) {
        lines.drain(..first);
    }
    let more = lines.len().saturating_sub(ERROR_LINES);
    lines.truncate(ERROR_LINES);
    let mut lines: Vec<String> = lines.into_iter().map(str::to_owned).collect();
    if more > 0 {
        lines.push(format!("… and {more} lines more"));
    }
    lines
}

/// The source to edit, as it is named from the repository's root.
pub fn source_to_edit() -> &'static Path {
    Path::new("examples/order-processing/src/lib.rs")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_compilers_words_are_shown() {
        let said = "cargo could not build /x (exit status: 101)\n   Compiling a v0.1.0\nerror[E0308]: mismatched types\n --> src/lib.rs:1:1\n\nerror: could not compile `a`";
        let lines = readable(said);
        assert_eq!(lines[0], "error[E0308]: mismatched types");
        assert_eq!(lines.len(), 4);
        assert_eq!(readable("no compiler"), ["no compiler"]);
        assert_eq!(
            readable(&"error: x\n".repeat(50)).last().unwrap(),
            "… and 20 lines more"
        );
    }
}
