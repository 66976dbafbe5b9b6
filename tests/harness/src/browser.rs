//! A real headless Chromium: what a person would see of a page, and do with it.
//!
//! It is spoken to over its DevTools protocol through a pipe, so that it needs no port and no driver, and ends with the
//! test's process: a browser whose pipe is closed ends by itself.

mod page;
mod pipe;

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use anyhow::{Context, Result};
use serde_json::json;

pub use self::page::Page;
use self::pipe::Pipe;
use crate::paths;

/// The descriptors that Chromium reads and writes, made of the child's own input and output.
const BY_PIPE: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

/// How it begins. The sandbox needs rights that a container gives nobody; only the tests' own page is shown.
const ARGUMENTS: &[&str] = &[
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--remote-debugging-pipe",
];

/// A running browser.
#[derive(Debug)]
pub struct Browser {
    pipe: Pipe,
    child: Child,
    folder: PathBuf,
}

/// What a page is shown on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// What `prefers-color-scheme` says.
    pub dark: bool,
}

impl Screen {
    /// A laptop's, in light colours.
    pub const LAPTOP: Self = Self {
        width: 1280,
        height: 900,
        dark: false,
    };
    /// A small phone's, at night.
    pub const PHONE: Self = Self {
        width: 375,
        height: 667,
        dark: true,
    };
}

impl Browser {
    /// The browser of this test process, started by the first who asks.
    #[expect(
        clippy::panic,
        reason = "a browser that can't be started fails the tests"
    )]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Browser> = OnceLock::new();
        SHARED.get_or_init(|| Self::start().unwrap_or_else(|error| panic!("{error:?}")))
    }

    /// Starts one with an empty profile.
    ///
    /// # Errors
    /// When Chromium isn't there.
    pub fn start() -> Result<Self> {
        let folder = paths::fresh_folder("chromium")?;
        let mut child = Command::new("sh")
            .args(["-c", BY_PIPE, "chromium"])
            .args(ARGUMENTS)
            .arg(format!(
                "--user-data-dir={}",
                folder.join("profile").display()
            ))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.join("stderr.log"))?)
            .spawn()
            .context("can't start chromium (sh)")?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let pipe = Pipe::new(input.context("a pipe")?, output.context("a pipe")?);
        let browser = Self {
            pipe,
            child,
            folder,
        };
        let version = browser.pipe.ask(None, "Browser.getVersion", json!({}));
        version.with_context(|| {
            let log = browser.folder.join("stderr.log");
            format!(
                "chromium doesn't answer (`cargo xtask setup` installs it); its log is {}",
                log.display()
            )
        })?;
        Ok(browser)
    }

    /// A page of its own: it shares no storage with others, as a private window.
    ///
    /// # Errors
    /// When the browser refuses.
    pub fn page(&self, screen: Screen) -> Result<Page<'_>> {
        Page::open(&self.pipe, screen)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Both fail only for a browser that has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
