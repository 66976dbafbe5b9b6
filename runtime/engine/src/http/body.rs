//! Bodies that may not be longer than they are allowed to.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use wasmtime_wasi_http::{Error, WasiBody};

/// A request's body that ends with an error where it grows too long.
pub(crate) struct Limited {
    body: WasiBody,
    left: u64,
    limit: u64,
}

impl Limited {
    pub(crate) fn new(body: WasiBody, limit: u64) -> Self {
        Self {
            body,
            left: limit,
            limit,
        }
    }
}

impl Body for Limited {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &polled {
            let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
            match self.left.checked_sub(bytes) {
                Some(left) => self.left = left,
                None => {
                    return Poll::Ready(Some(Err(Error::HttpRequestBodySize(Some(self.limit)))));
                }
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
