//! What systemd would hear of a daemon.

use std::{
    env, fs,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

/// A socket as systemd has one.
pub struct Systemd {
    path: PathBuf,
    words: mpsc::Receiver<String>,
    /// Who never reads keeps it here.
    _unread: Option<UnixDatagram>,
}

impl Systemd {
    /// Hears all that is said, as systemd does, whatever the test does meanwhile: a full socket holds up whoever speaks.
    ///
    /// # Errors
    /// No socket can be made.
    pub fn listens() -> Result<Self> {
        let (path, socket) = bind()?;
        let (heard, words) = mpsc::channel();
        thread::spawn(move || {
            let mut bytes = [0; 256];
            while let Ok(length) = socket.recv(&mut bytes) {
                let word = String::from_utf8_lossy(&bytes[..length]).trim().to_owned();
                if heard.send(word).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            path,
            words,
            _unread: None,
        })
    }

    /// Hears nothing, as a systemd that hangs: its socket is full.
    ///
    /// # Errors
    /// No socket can be made.
    pub fn hangs() -> Result<Self> {
        let (path, socket) = bind()?;
        let others = UnixDatagram::unbound()?;
        others.set_nonblocking(true)?;
        while others.send_to(b"STATUS=of others", &path).is_ok() {}
        Ok(Self {
            path,
            words: mpsc::channel().1,
            _unread: Some(socket),
        })
    }

    /// What `NOTIFY_SOCKET` is to be.
    ///
    /// # Errors
    /// The path is not text.
    pub fn address(&self) -> Result<&str> {
        self.path.to_str().context("the path is text")
    }

    /// The next that is said.
    ///
    /// # Errors
    /// Nothing is, within the limit.
    pub fn next(&self, limit: Duration) -> Result<String> {
        self.words.recv_timeout(limit).context("nothing was said")
    }

    /// All that was said and not heard yet.
    pub fn said(&self) -> Vec<String> {
        self.words.try_iter().collect()
    }

    /// Waits until this is said, whatever is said before.
    ///
    /// # Errors
    /// It isn't, within the limit.
    pub fn hear(&self, wanted: &str, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let word = self.next(left).with_context(|| format!("no {wanted}"))?;
            if word == wanted {
                return Ok(());
            }
        }
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        // The thread that reads ends with the process; what can't be removed is in the way of nobody.
        let _ = fs::remove_file(&self.path);
    }
}

/// Not in the test's own folder: a socket's path has to be short.
fn bind() -> Result<(PathBuf, UnixDatagram)> {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let nth = MADE.fetch_add(1, Ordering::Relaxed);
    let path = env::temp_dir().join(format!("pelton-systemd-{}-{nth}", std::process::id()));
    let socket = UnixDatagram::bind(Path::new(&path)).context("binding a socket")?;
    Ok((path, socket))
}
