//! Whether somebody is on this machine, and no web page but the daemon's own.
//!
//! Invariant: where there is no token, nothing is told to a web page, and what changes something is only done for who
//! is here, and for no web page: a browser adds
//! [`MARK`] to no request that it makes for another site without asking first, and is never told that it may; and a
//! page whose own name was pointed at this machine says that name as the host.

use std::net::IpAddr;

use axum::http::{HeaderMap, header::HOST, uri::Authority};

/// A header that requests which change something have; its value doesn't matter.
pub const MARK: &str = "x-pelton";

/// Why who asks may change nothing.
pub(crate) fn refusal(peer: IpAddr, headers: &HeaderMap) -> Option<String> {
    if !peer.to_canonical().is_loopback() {
        return Some("a daemon is changed only from the daemon's own machine".to_owned());
    }
    if !headers.contains_key(MARK) {
        return Some(format!(
            "a request that changes something needs the header {MARK}"
        ));
    }
    (!names_an_address(headers)).then(|| {
        "a request that changes something names the daemon as localhost or by its address"
            .to_owned()
    })
}

/// Whether whoever asks says the daemon's address, and no name that somebody pointed at it.
pub(crate) fn names_an_address(headers: &HeaderMap) -> bool {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.is_some_and(is_address)
}

/// Whether a browser says that it asks for a page of another site, or of another port. It adds that by itself, to what
/// it sends without asking first, too: a page could tell by an image's or a script's fate how long an answer is.
pub(crate) fn another_site(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| site == "cross-site" || site == "same-site")
}

/// Whether a host is named in a way that nobody else can point elsewhere.
fn is_address(host: &str) -> bool {
    host.parse::<Authority>().is_ok_and(|authority| {
        let host = authority.host().trim_matches(['[', ']']);
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn refused(peer: [u8; 4], mark: bool, host: Option<&'static str>) -> Option<String> {
        let mut headers = HeaderMap::new();
        if mark {
            headers.insert(MARK, HeaderValue::from_static("1"));
        }
        if let Some(host) = host {
            headers.insert(HOST, HeaderValue::from_static(host));
        }
        refusal(IpAddr::from(peer), &headers)
    }

    #[test]
    fn only_who_is_here_and_no_page_may_change_anything() {
        for host in [
            "localhost:9640",
            "LOCALHOST",
            "127.0.0.1:9640",
            "[::1]:9640",
        ] {
            assert_eq!(refused([127, 0, 0, 1], true, Some(host)), None, "{host}");
        }
        for (peer, mark, host, why) in [
            ([10, 0, 0, 7], true, Some("localhost"), "own machine"),
            ([127, 0, 0, 1], false, Some("localhost"), MARK),
            // A page of a site whose name was pointed here.
            ([127, 0, 0, 1], true, Some("evil.example:9640"), "localhost"),
            ([127, 0, 0, 1], true, None, "localhost"),
        ] {
            let refusal = refused(peer, mark, host);
            assert!(refusal.is_some_and(|text| text.contains(why)), "{host:?}");
        }
    }
}
