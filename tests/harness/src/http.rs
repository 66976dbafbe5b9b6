//! An HTTP client of the smallest kind: one request a connection, for the daemon's admin address.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result};

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Gets `path` from the server at `address`.
///
/// # Errors
/// When nobody listens there, or the answer isn't HTTP.
pub fn get(address: &str, path: &str) -> Result<Response> {
    request(address, "GET", path, &[])
}

/// Asks the server at `address` for `path`, with these headers besides.
///
/// # Errors
/// When nobody listens there, or the answer isn't HTTP.
pub fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
) -> Result<Response> {
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("can't connect to {address}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    // HTTP/1.0, so that the body is what comes before the end, in one piece.
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {address}\r\n")?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    let mut bytes = Vec::new();
    stream
        .read_to_end(&mut bytes)
        .with_context(|| format!("no answer from {address}{path}"))?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .context("the answer has no head")?;
    let status = head.split(' ').nth(1).context("the answer has no status")?;
    Ok(Response {
        status: status.parse()?,
        body: body.to_owned(),
    })
}
