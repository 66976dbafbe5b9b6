//! A request.

use std::time::Duration;

use serde::Serialize;

use super::{Error, Response, host};
use crate::delivery;

/// A request that is not sent yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The URL, with `https://` or `http://`.
    pub url: String,
    /// The headers. `host`, `connection`, `transfer-encoding` and others that concern the connection are not taken.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body; empty, there is none.
    pub body: Vec<u8>,
    timeout: Option<Duration>,
}

/// A URL's parts.
#[cfg_attr(
    not(any(target_family = "wasm", test)),
    expect(dead_code, reason = "natively a URL is only checked")
)]
pub(crate) struct Parts<'a> {
    pub https: bool,
    pub authority: &'a str,
    /// With the query.
    pub path: &'a str,
}

impl Request {
    /// A request with any method.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
            timeout: None,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body, as JSON.
    ///
    /// # Errors
    /// The value can't be written as JSON.
    pub fn json<T: Serialize + ?Sized>(self, value: &T) -> Result<Self, serde_json::Error> {
        let body = serde_json::to_vec(value)?;
        Ok(self.header("content-type", "application/json").body(body))
    }

    /// How long to wait for the answer to begin, and then from one part of it to the next. Not set: nine tenths of what
    /// the message may still take, so that there is time left to say what went wrong.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sends it and waits for the whole answer, whatever its status: see [`Response::ok`].
    ///
    /// # Errors
    /// There is no whole answer.
    pub fn send(self) -> Result<Response, Error> {
        let parts = parts(&self.url)?;
        let timeout = self
            .timeout
            .unwrap_or_else(|| delivery::remaining() * 9 / 10);
        host::send(&self, &parts, timeout)
    }
}

fn parts(url: &str) -> Result<Parts<'_>, Error> {
    let invalid = |what: &str| Error::Invalid(format!("`{url}` {what}"));
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| invalid("has no `https://`"))?;
    let https = match scheme.to_ascii_lowercase().as_str() {
        "https" => true,
        "http" => false,
        _ => return Err(invalid("is neither `https://` nor `http://`")),
    };
    // What stands behind `#` is for whoever reads the answer.
    let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.is_empty() {
        return Err(invalid("has no host"));
    }
    let path = if path.is_empty() { "/" } else { path };
    let plain = |byte: u8| byte.is_ascii_graphic();
    if !rest.bytes().all(plain) {
        return Err(invalid(
            "has blanks or other characters that must be written with `%`",
        ));
    }
    Ok(Parts {
        https,
        authority,
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart_or_refused() {
        let taken = |url: &str| {
            let parts = parts(url).unwrap();
            format!("{} {} {}", parts.https, parts.authority, parts.path)
        };
        assert_eq!(taken("https://a.example"), "true a.example /");
        assert_eq!(
            taken("HTTP://a.example:80/x?y=/#z"),
            "false a.example:80 /x?y=/"
        );
        assert_eq!(taken("http://[::1]?q"), "false [::1] ?q");
        for (url, wrong) in [
            ("a.example/x", "https://"),
            ("ftp://a.example", "neither"),
            ("https:///x", "no host"),
            ("https://a.example/a b", "blanks"),
            ("https://a.example/é", "blanks"),
        ] {
            let Err(error) = parts(url) else {
                panic!("{url} was taken")
            };
            assert!(error.to_string().contains(wrong), "{error}");
        }
    }
}
