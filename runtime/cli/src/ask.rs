//! Asks a running daemon over its admin address.

use std::{
    io::{IsTerminal, stderr},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{args::DaemonArgs, exit, run};

/// How long an answer may take that a daemon which is well gives at once.
const AT_ONCE: Duration = Duration::from_secs(10);
/// How long connecting may take, whatever is asked.
const CONNECTS: Duration = Duration::from_secs(10);
/// How often somebody at a terminal is told that it still waits.
const TOLD: Duration = Duration::from_secs(30);
/// The largest answer that is read.
const LARGEST: u64 = 16 << 20;

/// What a daemon answered: the status of HTTP, and its JSON.
pub(crate) struct Answer {
    pub status: u16,
    pub body: Value,
}

/// How long an answer is waited for.
#[derive(Clone, Copy)]
pub(crate) enum Patience {
    /// So long.
    For(Duration),
    /// For as long as the connection stands: what is asked for may take a compilation, a trial and a drain, whose bounds
    /// the daemon keeps.
    WhileConnected,
}

/// Has something done and waits for the answer, however long that takes.
pub(crate) fn ask(daemon: &DaemonArgs, method: &str, path: &str) -> anyhow::Result<Answer> {
    ask_within(Patience::WhileConnected, daemon, method, path)
}

/// The same, for what a daemon that is well answers at once.
pub(crate) fn look(daemon: &DaemonArgs, path: &str) -> anyhow::Result<Answer> {
    ask_within(Patience::For(AT_ONCE), daemon, "GET", path)
}

fn ask_within(
    patience: Patience,
    daemon: &DaemonArgs,
    method: &str,
    path: &str,
) -> anyhow::Result<Answer> {
    let (address, (status, body)) = exchange(patience, daemon, method, path)?;
    let body = serde_json::from_str(&body);
    let body =
        body.with_context(|| format!("{address} answers, but not as a Pelton daemon does"))?;
    Ok(Answer { status, body })
}

/// Asks something of a handler: the answer, or how to end after its refusal was told.
pub(crate) fn of_handler(
    daemon: &DaemonArgs,
    method: &str,
    name: &str,
    what: &str,
) -> anyhow::Result<Result<Value, ExitCode>> {
    // What can't be a name can't be a handler either, and would make another path of it.
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.is_empty() || !name.chars().all(fits) {
        let why = format!("`{name}` can't be a handler's name");
        return Ok(Err(exit::refuse(exit::USAGE, why)));
    }
    let path = format!("/v1/handlers/{name}/{what}");
    let answer = match method {
        "GET" => look(daemon, &path)?,
        _ => ask(daemon, method, &path)?,
    };
    let unknown = answer.status == 404;
    let code = if unknown { exit::USAGE } else { exit::FAILED };
    Ok(match answer.body["error"].as_str() {
        Some(error) => Err(exit::refuse(code, error)),
        None => Ok(answer.body),
    })
}

/// Asks for a path that is answered in plain text: the status of HTTP, and the text.
pub(crate) fn text(
    patience: Patience,
    daemon: &DaemonArgs,
    path: &str,
) -> anyhow::Result<(u16, String)> {
    exchange(patience, daemon, "GET", path).map(|(_, answer)| answer)
}

/// Who answered, and what.
fn exchange(
    patience: Patience,
    daemon: &DaemonArgs,
    method: &str,
    path: &str,
) -> anyhow::Result<(String, (u16, String))> {
    let (address, configured_token) = match &daemon.admin {
        Some(address) => (address.clone(), None),
        None => configured(&daemon.config.path()?)?,
    };
    let token = token(daemon.token_file.as_ref().or(configured_token.as_ref()))?;
    let answer = run::on_runtime(async {
        let asked = request(&address, &token, method, path);
        let text = match patience {
            Patience::For(time) => timeout(time, asked)
                .await
                .with_context(|| format!("the daemon at {address} does not answer"))?,
            Patience::WhileConnected => meanwhile(asked, TOLD, still_waiting).await,
        }?;
        ensure!(
            !text.is_empty(),
            "the daemon at {address} ended the connection without an answer"
        );
        read(&text).with_context(|| format!("{address} answers, but not as a Pelton daemon does"))
    })?;
    Ok((address, answer))
}

/// Waits for something, and tells again and again for how long it has.
async fn meanwhile<T>(
    awaited: impl Future<Output = T>,
    every: Duration,
    tell: impl Fn(Duration),
) -> T {
    let begun = Instant::now();
    let mut turns = tokio::time::interval_at(begun + every, every);
    let mut awaited = std::pin::pin!(awaited);
    loop {
        tokio::select! {
            done = &mut awaited => return done,
            _ = turns.tick() => tell(begun.elapsed()),
        }
    }
}

fn still_waiting(waited: Duration) {
    if stderr().is_terminal() {
        let waited = waited.as_secs();
        eprintln!(
            "the daemon is still at it after {waited} s; Ctrl-C ends the waiting, not what it does"
        );
    }
}

/// The line that shows the token, where there is one.
fn token(file: Option<&PathBuf>) -> anyhow::Result<String> {
    let Some(file) = file else {
        return Ok(String::new());
    };
    let token = std::fs::read_to_string(file);
    let token = token.with_context(|| {
        format!(
            "the token of the daemon's admin address can't be read from {}",
            file.display()
        )
    })?;
    let token = token.trim();
    ensure!(
        !token.contains(char::is_control),
        "{} holds more than a token",
        file.display()
    );
    Ok(format!("authorization: Bearer {token}\r\n"))
}

/// The address, and the file of its token.
fn configured(file: &Path) -> anyhow::Result<(String, Option<PathBuf>)> {
    let admin = pelton_config::admin(file);
    let admin = admin.with_context(|| {
        format!(
            "the daemon's address stands in {}; name it by --admin (and --token-file) where you can't read all of that",
            file.display()
        )
    });
    let admin = admin?;
    ensure!(
        admin.enabled && admin.listen.port() != 0,
        "{} gives the daemon no fixed admin address; name it by --admin",
        file.display()
    );
    let mut listen = admin.listen;
    if listen.ip().is_unspecified() {
        // It listens everywhere, and changes things only for who is here.
        let here = if listen.is_ipv4() { "127.0.0.1" } else { "::1" };
        listen.set_ip(here.parse()?);
    }
    Ok((listen.to_string(), admin.token_file))
}

/// HTTP/1.0, so that the answer comes in one piece and ends with the connection.
async fn request(address: &str, token: &str, method: &str, path: &str) -> anyhow::Result<String> {
    let stream = timeout(CONNECTS, TcpStream::connect(address)).await;
    let stream = stream.with_context(|| format!("the daemon at {address} does not answer"))?;
    let mut stream = stream.with_context(|| {
        format!("no daemon listens at {address}; is it running, and is that its [admin] listen?")
    })?;
    let mark = pelton_admin::MARK;
    let request = format!(
        "{method} {path} HTTP/1.0\r\nhost: localhost\r\n{mark}: cli\r\n{token}content-length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.take(LARGEST).read_to_string(&mut text).await?;
    Ok(text)
}

fn read(text: &str) -> anyhow::Result<(u16, String)> {
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        bail!("the answer has no head");
    };
    let status = head.split(' ').nth(1).context("the answer has no status")?;
    Ok((status.parse()?, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn who_waits_is_told_again_and_again_and_gets_the_answer() {
        let (told, enough) = (Cell::new(0), Notify::new());
        let answer = async {
            enough.notified().await;
            "done"
        };
        let tell = |_| {
            told.set(told.get() + 1);
            if told.get() == 3 {
                enough.notify_one();
            }
        };
        let done = meanwhile(answer, Duration::from_millis(1), tell).await;
        assert_eq!((done, told.get()), ("done", 3));
    }
}
