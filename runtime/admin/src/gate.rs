//! Who may ask under `/v1`, and who may change something.
//!
//! Invariant: where a token is set, nothing under `/v1` is answered without it; where none is, what changes something is
//! done only for who is [here](crate::here). Whoever changes something, or tries to, leaves one line in the log.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{
        HeaderMap, HeaderValue, Method, StatusCode, header::AUTHORIZATION, header::WWW_AUTHENTICATE,
    },
    middleware::Next,
    response::Response,
};
use sha2::{Digest, Sha256};
use tracing::{info, warn};

use crate::{
    answer::wrong,
    here::{another_site, names_an_address, refusal},
};

/// Characters that a token has at least.
const LEAST: usize = 16;
/// The log target of the lines about changes.
const AUDIT: &str = "pelton::audit";

/// The file that holds the token, where there is one.
#[derive(Clone, Debug)]
pub(crate) struct Gate(Option<Arc<PathBuf>>);

/// What lets somebody through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Token,
    BeingHere,
}

impl Gate {
    pub(crate) fn new(token_file: Option<PathBuf>) -> Self {
        Self(token_file.map(Arc::new))
    }

    /// Whether a token is asked for.
    pub(crate) fn is_set(&self) -> bool {
        self.0.is_some()
    }

    /// Whether there is a token that can be asked for.
    pub(crate) async fn check(&self) -> Result<(), String> {
        self.token().await.map(drop)
    }

    /// The token, read anew, so that it can be changed at any time.
    async fn token(&self) -> Result<Option<String>, String> {
        let Some(file) = &self.0 else {
            return Ok(None);
        };
        let shown = file.display();
        let text = tokio::fs::read_to_string(&**file).await;
        let text =
            text.map_err(|error| format!("the token file {shown} can't be read: {error}"))?;
        let token = text.trim();
        match token.len() {
            LEAST.. => Ok(Some(token.to_owned())),
            _ => Err(format!(
                "the token in {shown} is shorter than {LEAST} characters"
            )),
        }
    }

    /// Whether whoever sends these headers has the token; `None` where there is none to have.
    async fn has_token(&self, headers: &HeaderMap) -> Result<Option<bool>, String> {
        let token = self.token().await?;
        Ok(token.map(|token| shown(headers).is_some_and(|shown| alike(shown, &token))))
    }
}

/// The token that somebody shows.
fn shown(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Compared by digest: how long that takes says nothing of the token.
fn alike(one: &str, other: &str) -> bool {
    Sha256::digest(one) == Sha256::digest(other)
}

/// For what only looks.
pub(crate) async fn may_look(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    match gate.has_token(request.headers()).await {
        Ok(Some(true)) => next.run(request).await,
        Ok(None) if another_site(request.headers()) => wrong(
            StatusCode::FORBIDDEN,
            "a page of another site is told nothing; ask from the dashboard, or without a browser",
        ),
        Ok(None) if names_an_address(request.headers()) => next.run(request).await,
        Ok(None) => wrong(
            StatusCode::FORBIDDEN,
            "name the daemon as localhost or by its address, or set [admin] token-file",
        ),
        Ok(Some(false)) => unauthorized(),
        Err(why) => wrong(StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

/// For what changes something.
pub(crate) async fn may_change(
    State(gate): State<Gate>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    let method = request.method().clone();
    // With what stands behind `?`: whether a redrive writes, or a reload insists, is said there.
    let path = request.uri().path_and_query().map(ToString::to_string);
    let path = path.unwrap_or_default();
    let judged = match gate.has_token(request.headers()).await {
        Ok(Some(true)) => Ok(By::Token),
        Ok(Some(false)) => Err(unauthorized()),
        Ok(None) => match refusal(peer.ip(), request.headers()) {
            None => Ok(By::BeingHere),
            Some(why) => Err(wrong(StatusCode::FORBIDDEN, why)),
        },
        Err(why) => Err(wrong(StatusCode::SERVICE_UNAVAILABLE, why)),
    };
    match judged {
        Ok(by) => {
            let mut line = Line {
                peer,
                by,
                method,
                path,
                status: None,
            };
            let response = next.run(request).await;
            line.status = Some(response.status().as_u16());
            response
        }
        Err(response) => {
            let status = response.status().as_u16();
            warn!(target: AUDIT, %peer, %method, %path, status, "a change was asked for and refused");
            response
        }
    }
}

/// The line about a change, which is written also where nobody waits for the answer any more: the change may be under
/// way then.
struct Line {
    peer: SocketAddr,
    by: By,
    method: Method,
    path: String,
    status: Option<u16>,
}

impl Drop for Line {
    fn drop(&mut self) {
        let Self {
            peer,
            by,
            method,
            path,
            status,
        } = self;
        info!(target: AUDIT, %peer, ?by, %method, %path, status, "an operator asked for a change");
    }
}

fn unauthorized() -> Response {
    let text = "show the token of [admin] token-file: Authorization: Bearer TOKEN";
    let mut response = wrong(StatusCode::UNAUTHORIZED, text);
    let scheme = HeaderValue::from_static("Bearer");
    response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: Option<&'static str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization {
            headers.insert(AUTHORIZATION, HeaderValue::from_static(value));
        }
        headers
    }

    #[tokio::test]
    async fn only_the_token_of_the_file_lets_through_and_the_file_may_change() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let gate = Gate::new(Some(file.clone()));
        assert!(gate.check().await.unwrap_err().contains("can't be read"));
        std::fs::write(&file, "short\n").unwrap();
        assert!(gate.check().await.unwrap_err().contains("shorter"));
        std::fs::write(&file, "0123456789abcdef\n").unwrap();
        for (shown, lets) in [
            (None, false),
            (Some("Bearer 0123456789abcdef"), true),
            (Some("bearer  0123456789abcdef"), true),
            (Some("Basic 0123456789abcdef"), false),
            (Some("Bearer 0123456789abcdeg"), false),
            (Some("Bearer"), false),
            (Some("Bearer "), false),
        ] {
            let has = gate.has_token(&headers(shown)).await;
            assert_eq!(has, Ok(Some(lets)), "{shown:?}");
        }
        std::fs::write(&file, "fedcba9876543210").unwrap();
        let old = headers(Some("Bearer 0123456789abcdef"));
        assert_eq!(gate.has_token(&old).await, Ok(Some(false)));
        let none = Gate::new(None);
        assert_eq!(none.has_token(&old).await, Ok(None));
    }
}
