//! The origins of a handler's grants, and requests as they go out to them.

use std::collections::BTreeMap;

use http::{HeaderValue, Method, Request, Uri, header::HOST, uri::PathAndQuery};
use pelton_types::{Origin, Scheme};
use wasmtime_wasi_http::{Error, WasiBody};

use super::address::Reach;
use crate::env::Grants;

/// Where requests may go, and which addresses that may mean.
#[derive(Debug)]
pub(crate) struct Origins(BTreeMap<Origin, Reach>);

impl Origins {
    pub(crate) fn new(grants: &Grants) -> Self {
        let public = grants.http.iter().map(|origin| (origin, false));
        let private = grants.http_private.iter().map(|origin| (origin, true));
        let all = public.chain(private);
        Self(
            all.map(|(origin, private)| (origin.clone(), Reach::of(origin, private)))
                .collect(),
        )
    }

    /// Whether one of them is spoken to over TLS.
    pub(crate) fn need_tls(&self) -> bool {
        self.0.keys().any(|origin| origin.scheme() == Scheme::Https)
    }

    /// The grant that a URL falls under.
    pub(crate) fn of(&self, url: &Uri) -> Option<(&Origin, Reach)> {
        let scheme = match url.scheme_str()? {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return None,
        };
        let meant = Origin::new(scheme, url.authority()?.as_str()).ok()?;
        let (origin, reach) = self.0.get_key_value(&meant)?;
        Some((origin, *reach))
    }

    /// The request as it goes out, if it may.
    pub(crate) fn admit(&self, request: Request<WasiBody>) -> Result<Request<WasiBody>, Error> {
        let (mut parts, body) = request.into_parts();
        // It would make a tunnel to anywhere of a proxy.
        if parts.method == Method::CONNECT {
            return Err(Error::HttpRequestMethodInvalid);
        }
        let (origin, _) = self.of(&parts.uri).ok_or(Error::HttpRequestDenied)?;
        let path = parts.uri.path_and_query().cloned();
        let authority = origin.authority();
        let host = HeaderValue::from_str(&authority).map_err(|_| Error::HttpRequestUriInvalid)?;
        parts.uri = Uri::builder()
            .scheme(origin.scheme().as_str())
            .authority(authority)
            .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
            .build()
            .map_err(|_| Error::HttpRequestUriInvalid)?;
        parts.headers.insert(HOST, host);
        Ok(Request::from_parts(parts, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(grants: &[&str], url: &str) -> Option<String> {
        let origins = Origins::new(&Grants {
            http: grants
                .iter()
                .map(|origin| origin.parse().unwrap())
                .collect(),
            http_private: Vec::new(),
        });
        let url = url.parse().ok()?;
        origins.of(&url).map(|(origin, _)| origin.to_string())
    }

    #[test]
    fn a_grant_is_for_its_origin_and_for_no_other() {
        let grants = ["https://api.example.com", "http://[::1]:8080"];
        for url in [
            "https://api.example.com",
            "https://API.EXAMPLE.COM/x?y=http://evil.example",
            "https://api.example.com:443/",
        ] {
            assert_eq!(
                granted(&grants, url).as_deref(),
                Some("https://api.example.com"),
                "{url}"
            );
        }
        assert!(granted(&grants, "http://[0:0::0:1]:8080/").is_some());
        for url in [
            "http://api.example.com/",
            "http://api.example.com:443/",
            "https://api.example.com:80/",
            "https://api.example.com:4430/",
            "https://api.example.com@evil.example/",
            "https://evil.example@api.example.com/",
            "https://evil.example:443@api.example.com/",
            "https://api.example.com.evil.example/",
            "https://api.example.com./",
            "https://example.com/",
            "https://xapi.example.com/",
            "https://api.example.com%2eevil.example/",
            "https://api.example.com%00.evil.example/",
            "https://xn--api-example.com/",
            "https://аpi.example.com/",
            "http://[::ffff:0:1]:8080/",
            "http://[::1]/",
            "http://[::1%25lo]:8080/",
            "api.example.com:443",
            "/relative",
        ] {
            assert_eq!(granted(&grants, url), None, "{url}");
        }
    }
}
