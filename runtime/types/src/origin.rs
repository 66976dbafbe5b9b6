//! Where an HTTP request goes: scheme, host and port.
//!
//! Strict, because grants are compared by it: there is one way to write an origin, and whatever is ambiguous (a user
//! before the host, a dot behind it, `0x7f.1` for `127.0.0.1`) is no origin at all.

use std::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// Characters of a name, and of a part of it between dots.
const NAME: usize = 253;
const LABEL: usize = 63;

/// Scheme, host and port. Written down as its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

/// How it is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// Whom it belongs to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// A name in lower case: letters, digits, `-`, `_` and dots between them. Never one that could be read as an address.
    Name(String),
    /// An IPv4 address.
    V4(Ipv4Addr),
    /// An IPv6 address.
    V6(Ipv6Addr),
}

impl Origin {
    /// Of a scheme and what stands behind `://` in a URL: a host, and a port unless it is the scheme's own.
    ///
    /// # Errors
    /// What is wrong with it, to be read after `it` or a name for it.
    pub fn new(scheme: Scheme, authority: &str) -> Result<Self, &'static str> {
        if authority.contains('@') {
            return Err("names a user before the host");
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (address, port) = rest
                    .split_once(']')
                    .ok_or("has no `]` behind its address")?;
                let address = address
                    .parse()
                    .map_err(|_| "has no IPv6 address between `[` and `]`")?;
                (Host::V6(address), port)
            }
            None => {
                let end = authority.find(':').unwrap_or(authority.len());
                let (name, port) = authority.split_at(end);
                (host(name)?, port)
            }
        };
        let port = match port.strip_prefix(':') {
            Some(port) => number(port)?,
            None if port.is_empty() => scheme.port(),
            None => return Err("has something else than a port behind its address"),
        };
        Ok(Self { scheme, host, port })
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whom it belongs to.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// What stands behind `://`, and in a request's `Host`: no port where it is the scheme's own.
    pub fn authority(&self) -> String {
        match self.port == self.scheme.port() {
            true => self.host.to_string(),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

fn host(name: &str) -> Result<Host, &'static str> {
    if name.is_empty() {
        return Err("has no host");
    }
    if let Ok(address) = name.parse() {
        return Ok(Host::V4(address));
    }
    if name.ends_with('.') {
        return Err("has a dot behind its host");
    }
    if !name.is_ascii() {
        return Err("has a host that is not ASCII; write its `xn--` form");
    }
    let well = |label: &str| {
        let known = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        (1..=LABEL).contains(&label.len()) && label.bytes().all(known) && !label.starts_with('-')
    };
    if name.len() > NAME || !name.split('.').all(well) {
        return Err("has a host that is neither a name nor an address");
    }
    // Some resolvers read `127.1`, `2130706433` and `0x7f.1` as addresses.
    let last = name.rsplit('.').next().unwrap_or_default();
    if last.starts_with(|first: char| first.is_ascii_digit()) {
        return Err("has a host that is neither a name nor a whole address");
    }
    Ok(Host::Name(name.to_ascii_lowercase()))
}

fn number(port: &str) -> Result<u16, &'static str> {
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    let port = port.parse().ok().filter(|port| digits && *port > 0);
    port.ok_or("has no port from 1 to 65535 behind its colon")
}

impl Scheme {
    /// The port that need not be written.
    pub fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// As it stands in a URL.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

impl TryFrom<String> for Origin {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl FromStr for Origin {
    type Err = &'static str;

    /// Reads `https://api.example.com` or `http://10.0.0.1:8080`; nothing may follow.
    fn from_str(text: &str) -> Result<Self, &'static str> {
        let (scheme, authority) = text
            .split_once("://")
            .ok_or("does not begin with `https://` or `http://`")?;
        let scheme = match scheme {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err("does not begin with `https://` or `http://`"),
        };
        if authority.contains(['/', '?', '#']) {
            return Err("has a path; an origin is granted as a whole");
        }
        if authority.contains('*') {
            return Err("has a `*`; each origin is granted by its name");
        }
        Self::new(scheme, authority)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::V4(address) => address.fmt(f),
            Self::V6(address) => write!(f, "[{address}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_in_one_way() {
        for (text, written) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://API.Example.com:443", "https://api.example.com"),
            ("http://api.example.com:443", "http://api.example.com:443"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[0:0::1]:80", "http://[::1]"),
            (
                "https://xn--bcher-kva.example",
                "https://xn--bcher-kva.example",
            ),
            ("http://billing_v2:8080", "http://billing_v2:8080"),
        ] {
            let origin: Origin = text.parse().unwrap();
            assert_eq!(origin.to_string(), written);
            assert_eq!(written.parse(), Ok(origin));
        }
    }

    #[test]
    fn what_is_ambiguous_is_none() {
        for (text, wrong) in [
            ("api.example.com", "begin with"),
            ("ftp://api.example.com", "begin with"),
            ("HTTPS://api.example.com", "begin with"),
            ("https://", "no host"),
            ("https://:443", "no host"),
            ("https://api.example.com/", "path"),
            ("https://api.example.com?x", "path"),
            ("https://*.example.com", "`*`"),
            ("https://api.example.com@evil.example", "user"),
            ("https://api.example.com.", "dot"),
            ("https://.example.com", "neither"),
            ("https://a..b", "neither"),
            ("https://bücher.example", "xn--"),
            ("https://api example.com", "neither"),
            ("https://api.example.com%00", "neither"),
            ("https://127.1", "neither"),
            ("https://2130706433", "neither"),
            ("https://0x7f.0x1", "neither"),
            ("https://127.0.0.1.", "dot"),
            ("https://[::1", "`]`"),
            ("https://[::1]x", "port"),
            ("https://[fe80::1%25eth0]", "IPv6"),
            ("https://::1", "no host"),
            ("https://api.example.com:", "port"),
            ("https://api.example.com:0", "port"),
            ("https://api.example.com:+80", "port"),
            ("https://api.example.com:65536", "port"),
            ("https://api.example.com:80:80", "port"),
        ] {
            let refused = text.parse::<Origin>().unwrap_err();
            assert!(refused.contains(wrong), "{text}: {refused}");
        }
    }
}
