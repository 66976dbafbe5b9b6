//! Requests by way of WASI.

use std::time::Duration;

use self::bindings::wasi::{
    http::{
        outgoing_handler,
        types::{
            ErrorCode, Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest,
            RequestOptions, Scheme,
        },
    },
    io::streams::StreamError,
};
use super::{Error, Request, Response, request::Parts};

/// Bytes that WASI takes at once, and that are asked for at once.
const WRITE: usize = 4096;
const READ: u64 = 64 * 1024;

mod bindings {
    #![allow(missing_docs, unsafe_code, reason = "generated from WASI's interfaces")]
    wit_bindgen::generate!({
        path: "src/http/client.wit",
        world: "pelton:http-client/client",
        generate_all,
    });
}

pub(super) fn send(
    request: &Request,
    parts: &Parts<'_>,
    timeout: Duration,
) -> Result<Response, Error> {
    let outgoing = outgoing(request, parts)?;
    let options = RequestOptions::new();
    let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    let refused = |()| Error::Invalid("a time-out is not taken".to_owned());
    options
        .set_first_byte_timeout(Some(nanos))
        .map_err(refused)?;
    options
        .set_between_bytes_timeout(Some(nanos))
        .map_err(refused)?;
    let body = match request.body.is_empty() {
        true => None,
        false => Some(outgoing.body().map_err(|()| unexpected())?),
    };
    let pending = outgoing_handler::handle(outgoing, Some(options)).map_err(error)?;
    if let Some(body) = body {
        write(body, &request.body)?;
    }
    pending.subscribe().block();
    match pending.get() {
        Some(Ok(Ok(answer))) => read(&answer),
        Some(Ok(Err(code))) => Err(error(code)),
        Some(Err(())) | None => Err(unexpected()),
    }
}

fn outgoing(request: &Request, parts: &Parts<'_>) -> Result<OutgoingRequest, Error> {
    let mut headers = request.headers.clone();
    if !request.body.is_empty() {
        let length = request.body.len().to_string();
        headers.push(("content-length".to_owned(), length.into_bytes()));
    }
    let headers = Fields::from_list(&headers)
        .map_err(|refused| Error::Invalid(format!("a header is not taken: {refused}")))?;
    let outgoing = OutgoingRequest::new(headers);
    let scheme = match parts.https {
        true => Scheme::Https,
        false => Scheme::Http,
    };
    let invalid = |what: &str| Error::Invalid(format!("its {what} is not taken"));
    outgoing
        .set_method(&method(&request.method))
        .map_err(|()| invalid("method"))?;
    outgoing
        .set_scheme(Some(&scheme))
        .map_err(|()| invalid("scheme"))?;
    outgoing
        .set_authority(Some(parts.authority))
        .map_err(|()| invalid("host"))?;
    outgoing
        .set_path_with_query(Some(parts.path))
        .map_err(|()| invalid("path"))?;
    Ok(outgoing)
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        "OPTIONS" => Method::Options,
        "TRACE" => Method::Trace,
        "PATCH" => Method::Patch,
        other => Method::Other(other.to_owned()),
    }
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), Error> {
    let stream = body.write().map_err(|()| unexpected())?;
    for part in bytes.chunks(WRITE) {
        if stream.blocking_write_and_flush(part).is_err() {
            // Who doesn't read on has answered, or the answer's error says why.
            return Ok(());
        }
    }
    drop(stream);
    OutgoingBody::finish(body, None).map_err(error)
}

fn read(answer: &IncomingResponse) -> Result<Response, Error> {
    let status = answer.status();
    let headers = answer.headers().entries();
    let incoming = answer.consume().map_err(|()| unexpected())?;
    let stream = incoming.stream().map_err(|()| unexpected())?;
    let mut body = Vec::new();
    loop {
        match stream.blocking_read(READ) {
            Ok(part) => body.extend_from_slice(&part),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(why)) => return Err(torn(&why.to_debug_string())),
        }
    }
    Ok(Response {
        status,
        headers,
        body,
    })
}

/// What ended a body; WASI has no code for it here.
fn torn(why: &str) -> Error {
    if why.contains("body size exceeds limit") {
        Error::TooLarge
    } else if why.contains("timeout") {
        Error::TimedOut
    } else {
        Error::Broken(why.to_owned())
    }
}

fn unexpected() -> Error {
    Error::Broken("the host answered out of turn".to_owned())
}

fn error(code: ErrorCode) -> Error {
    match code {
        ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited => Error::Denied,
        ErrorCode::HttpRequestUriInvalid | ErrorCode::HttpRequestMethodInvalid => {
            Error::Invalid("its method or URL is not taken".to_owned())
        }
        ErrorCode::HttpResponseTimeout
        | ErrorCode::ConnectionTimeout
        | ErrorCode::ConnectionReadTimeout
        | ErrorCode::ConnectionWriteTimeout
        | ErrorCode::DnsTimeout => Error::TimedOut,
        ErrorCode::HttpRequestBodySize(_) | ErrorCode::HttpResponseBodySize(_) => Error::TooLarge,
        ErrorCode::DnsError(told) => Error::Unreachable(
            told.rcode
                .unwrap_or_else(|| "its name can't be resolved".to_owned()),
        ),
        ErrorCode::ConnectionRefused => Error::Unreachable("the connection is refused".to_owned()),
        ErrorCode::DestinationUnavailable => Error::Unreachable("there is no way to it".to_owned()),
        ErrorCode::TlsCertificateError => {
            Error::Unreachable("its certificate is not trusted".to_owned())
        }
        ErrorCode::TlsProtocolError => Error::Unreachable("it does not speak TLS".to_owned()),
        ErrorCode::InternalError(Some(text)) => Error::Broken(text),
        other => Error::Broken(other.to_string()),
    }
}
