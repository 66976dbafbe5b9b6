//! One request and its answer, which can be ended from outside.
//!
//! A guest may keep an answer for as long as its instance lives, and read of it or not. What the answer holds (a
//! connection, a place among the requests under way) must not be kept so long, so it is held here, and the handler's
//! next message takes it away.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use parking_lot::Mutex;
use tokio::{
    sync::OwnedSemaphorePermit,
    time::{Instant, Sleep},
};
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::Error;

use super::client::broken;

/// A request under way.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    over: CancellationToken,
    answer: Mutex<Option<Open>>,
}

/// An answer whose body is not read to its end.
#[derive(Debug)]
struct Open {
    body: Incoming,
    left: u64,
    limits: Limits,
    time_out: Pin<Box<Sleep>>,
    /// The place among the requests under way.
    _permit: OwnedSemaphorePermit,
}

/// What an answer's body may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) bytes: u64,
    /// The whole of it.
    pub(crate) until: Instant,
    /// From one part to the next.
    pub(crate) between: Option<Duration>,
}

impl Limits {
    fn next(&self) -> Instant {
        match self.between {
            Some(between) => self.until.min(Instant::now() + between),
            None => self.until,
        }
    }
}

impl Exchange {
    /// Ends it, wherever it is.
    pub(crate) fn end(&self) {
        self.over.cancel();
        self.answer.lock().take();
    }

    /// Does what is done for it, unless it is ended before.
    pub(crate) async fn while_under_way<T>(
        &self,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let done = self.over.run_until_cancelled(future).await;
        done.unwrap_or(Err(Error::ConnectionTerminated))
    }

    /// The answer has begun to come.
    pub(crate) fn open(
        self: Arc<Self>,
        body: Incoming,
        limits: Limits,
        permit: OwnedSemaphorePermit,
    ) -> AnswerBody {
        let mut answer = self.answer.lock();
        if !body.is_end_stream() && !self.over.is_cancelled() {
            *answer = Some(Open {
                body,
                left: limits.bytes,
                limits,
                time_out: Box::pin(tokio::time::sleep_until(limits.next())),
                _permit: permit,
            });
        }
        drop(answer);
        AnswerBody(self)
    }
}

/// The body of an answer, as the guest reads it.
pub(crate) struct AnswerBody(Arc<Exchange>);

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut answer = self.0.answer.lock();
        let Some(open) = answer.as_mut() else {
            return Poll::Ready(match self.0.over.is_cancelled() {
                true => Some(Err(Error::ConnectionTerminated)),
                false => None,
            });
        };
        let polled = open.poll_frame(context);
        if matches!(polled, Poll::Ready(None | Some(Err(_)))) {
            answer.take();
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let answer = self.0.answer.lock();
        answer.as_ref().is_none_or(|open| open.body.is_end_stream()) && !self.0.over.is_cancelled()
    }

    fn size_hint(&self) -> SizeHint {
        let answer = self.0.answer.lock();
        answer
            .as_ref()
            .map_or_else(SizeHint::default, |open| open.body.size_hint())
    }
}

impl Open {
    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(broken(&error)))),
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Pending => {
                let over = self.time_out.as_mut().poll(context);
                return over.map(|()| Some(Err(Error::ConnectionReadTimeout)));
            }
        };
        // Parts that come in time are no reason to go on for ever.
        if Instant::now() >= self.limits.until {
            return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
        }
        let bytes = frame.data_ref().map_or(0, Bytes::len) as u64;
        let Some(left) = self.left.checked_sub(bytes) else {
            let limit = self.limits.bytes;
            return Poll::Ready(Some(Err(Error::HttpResponseBodySize(Some(limit)))));
        };
        self.left = left;
        let next = self.limits.next();
        self.time_out.as_mut().reset(next);
        Poll::Ready(Some(Ok(frame)))
    }
}
