//! Answers to HTTP requests of the thread.

use std::{cell::RefCell, time::Duration};

use crate::http::{Error, Parts, Request, Response};

type Service = dyn Fn(&Request) -> Result<Response, Error>;

thread_local! {
    static SERVICE: RefCell<Option<Box<Service>>> = const { RefCell::new(None) };
}

pub(super) fn set(service: Box<Service>) {
    SERVICE.set(Some(service));
}

pub(crate) fn send(request: &Request, _: &Parts<'_>, _: Duration) -> Result<Response, Error> {
    SERVICE.with_borrow(|service| match service {
        Some(service) => service(request),
        None => Err(Error::Unreachable(
            "a test answers requests by `testing::answer_http`".to_owned(),
        )),
    })
}
