//! The message that is being handled on this thread.

use std::cell::{Cell, RefCell};

use crate::delivery::MessageId;

thread_local! {
    static ATTEMPT: Cell<u32> = const { Cell::new(0) };
    static ID: RefCell<Option<MessageId>> = const { RefCell::new(None) };
}

/// Begins or ends a message.
pub(super) fn set(attempt: u32, id: Option<MessageId>) {
    ATTEMPT.set(attempt);
    ID.set(id);
}

pub(crate) fn attempt() -> u32 {
    ATTEMPT.get()
}

/// Tests have time: ten seconds, always.
pub(crate) fn remaining_ms() -> u64 {
    if ATTEMPT.get() == 0 { 0 } else { 10_000 }
}

pub(crate) fn id() -> Option<MessageId> {
    ID.with_borrow(Clone::clone)
}

pub(crate) fn revision() -> String {
    "test".to_owned()
}
