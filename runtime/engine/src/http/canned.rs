//! Answers that were written down, for tests: no network is asked.

use std::fmt;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, uri::InvalidUri,
};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use pelton_types::{Origin, Scheme};
use wasmtime_wasi_http::{Error, WasiBody};

use super::body::Limited;
use crate::text::bounded;

/// Requests without an answer that are told, and bytes of each.
const MISSED: usize = 10;
const MISSED_BYTES: usize = 200;

/// A request, and what is answered to it.
#[derive(Clone, Debug)]
pub struct Canned {
    method: Method,
    /// Origin, path and query.
    url: String,
    /// `None`: whatever it is.
    body: Option<Bytes>,
    answer: CannedAnswer,
}

/// What is answered.
#[derive(Clone, Debug)]
pub enum CannedAnswer {
    /// A whole answer.
    Whole {
        /// The status.
        status: u16,
        /// The headers.
        headers: Vec<(Bytes, Bytes)>,
        /// The body.
        body: Bytes,
    },
    /// There is nobody at the other end.
    Refused,
    /// It takes too long.
    TimedOut,
}

impl Canned {
    /// A request as its URL's origin is granted, and what is answered.
    ///
    /// # Errors
    /// Which part of it is none, and why.
    pub fn new(
        method: &str,
        url: &str,
        body: Option<Bytes>,
        answer: CannedAnswer,
    ) -> Result<Self, CannedError> {
        let part = |part, why: &dyn fmt::Display| CannedError {
            part,
            why: why.to_string(),
        };
        let method = method
            .parse()
            .map_err(|error| part(CannedPart::Method, &error))?;
        let url = url
            .parse()
            .map_err(|error: InvalidUri| error.to_string())
            .and_then(|url| target(&url))
            .map_err(|error| part(CannedPart::Url, &error))?;
        if let CannedAnswer::Whole {
            status, headers, ..
        } = &answer
        {
            StatusCode::from_u16(*status).map_err(|error| part(CannedPart::Status, &error))?;
            lift(headers).map_err(|error| part(CannedPart::Headers, &error))?;
        }
        Ok(Self {
            method,
            url,
            body,
            answer,
        })
    }

    fn answers(&self, method: &Method, url: &str, body: &Bytes) -> bool {
        self.method == *method
            && self.url == url
            && self.body.as_ref().is_none_or(|expected| expected == body)
    }
}

impl fmt::Display for Canned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.url)
    }
}

/// Something that is no request or no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct CannedError {
    /// Where.
    pub part: CannedPart,
    /// Why.
    pub why: String,
}

/// A part of a canned request or answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CannedPart {
    /// The request's method.
    Method,
    /// The request's URL.
    Url,
    /// The answer's status.
    Status,
    /// The answer's headers.
    Headers,
}

/// The answers for one delivery of a message. Those to the same request are given in turn, and the last of them again.
#[derive(Debug, Default)]
pub struct Answers {
    canned: Vec<Canned>,
    asked: Mutex<Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    given: Vec<bool>,
    missed: Vec<String>,
}

impl Answers {
    /// None of them was asked for yet.
    pub fn new(canned: Vec<Canned>) -> Self {
        let given = vec![false; canned.len()];
        Self {
            canned,
            asked: Mutex::new(Asked {
                given,
                missed: Vec::new(),
            }),
        }
    }

    /// Requests that were sent and have no answer; the first ten of them.
    pub fn missed(&self) -> Vec<String> {
        self.asked.lock().missed.clone()
    }

    /// Requests that have an answer and were not sent.
    pub fn unasked(&self) -> Vec<String> {
        let asked = self.asked.lock();
        let all = self.canned.iter().zip(&asked.given);
        all.filter(|(_, given)| !**given)
            .map(|(canned, _)| canned.to_string())
            .collect()
    }

    /// Answers an admitted request.
    pub(crate) async fn answer(
        &self,
        request: Request<WasiBody>,
        body_bytes: u64,
    ) -> Result<Response<WasiBody>, Error> {
        let (parts, body) = request.into_parts();
        let body = Limited::new(body, body_bytes).collect().await?.to_bytes();
        let url = target(&parts.uri).map_err(|_| Error::HttpRequestUriInvalid)?;
        let Some(answer) = self.find(&parts.method, &url, &body) else {
            let missed = bounded(&format!("{} {url}", parts.method), MISSED_BYTES);
            let text = format!("there is no answer for {missed}");
            let mut asked = self.asked.lock();
            if asked.missed.len() < MISSED {
                asked.missed.push(missed);
            }
            return Err(Error::InternalError(Some(text)));
        };
        match answer {
            CannedAnswer::Refused => Err(Error::ConnectionRefused),
            CannedAnswer::TimedOut => Err(Error::HttpResponseTimeout),
            CannedAnswer::Whole {
                status,
                headers,
                body,
            } => {
                let body = Full::new(body.clone()).map_err(|never| match never {});
                let mut response = Response::new(body.boxed_unsync());
                *response.status_mut() =
                    StatusCode::from_u16(*status).map_err(|_| Error::HttpProtocolError)?;
                *response.headers_mut() = lift(headers).map_err(|_| Error::HttpProtocolError)?;
                Ok(response)
            }
        }
    }

    /// The first answer that was not given yet, else the last one.
    fn find(&self, method: &Method, url: &str, body: &Bytes) -> Option<&CannedAnswer> {
        let mut asked = self.asked.lock();
        let all = self.canned.iter().enumerate();
        let fitting: Vec<usize> = all
            .filter(|(_, canned)| canned.answers(method, url, body))
            .map(|(at, _)| at)
            .collect();
        let fresh = fitting
            .iter()
            .find(|at| asked.given.get(**at) == Some(&false));
        let at = *fresh.or(fitting.last())?;
        if let Some(given) = asked.given.get_mut(at) {
            *given = true;
        }
        self.canned.get(at).map(|canned| &canned.answer)
    }
}

fn target(url: &Uri) -> Result<String, String> {
    let scheme = match url.scheme_str() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        _ => return Err("it does not begin with `https://` or `http://`".to_owned()),
    };
    let authority = url.authority().ok_or("it has no host")?;
    let origin = Origin::new(scheme, authority.as_str()).map_err(|wrong| format!("it {wrong}"))?;
    let path = url.path_and_query().map_or("/", |path| path.as_str());
    Ok(format!("{origin}{path}"))
}

fn lift(headers: &[(Bytes, Bytes)]) -> Result<HeaderMap, http::Error> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.try_append(
            HeaderName::from_bytes(name)?,
            HeaderValue::from_bytes(value)?,
        )?;
    }
    Ok(map)
}
