//! Handing a message to librdkafka.
//!
//! Invariant: each message that librdkafka took carries one [`Receipt`], which is taken back exactly once, by its
//! delivery report.
#![expect(
    unsafe_code,
    reason = "librdkafka's producing function takes C unions and an opaque pointer per message"
)]

use std::{
    ffi::{CString, c_void},
    ptr::{self, NonNull},
    sync::Arc,
};

use pelton_types::{HeaderRef, Headers};
use rdkafka::types::RDKafkaErrorCode as Code;
use rdkafka_sys::{
    self as sys, rd_kafka_vtype_t as Type, rd_kafka_vu_s__bindgen_ty_1 as Value,
    rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 as Memory,
};

use super::{Mailbox, Outgoing};
use crate::native::{Client, RawMessage, of_error, text};

/// The partition that leaves the choice to the partitioner.
const UNASSIGNED: i32 = -1;

/// Which mailbox waits for a message's delivery report, and under which ticket.
pub(super) struct Receipt {
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) ticket: u64,
    /// Whether its partition was chosen by the sender.
    pub(super) fixed: bool,
}

/// Why librdkafka did not take a message.
pub(super) struct Unsent {
    pub(super) code: Code,
    pub(super) text: String,
}

/// A topic that messages are sent to: saves librdkafka the search by name.
pub(super) struct Topic {
    ptr: NonNull<sys::rd_kafka_topic_t>,
    /// A topic must go before its client.
    _client: Arc<Client>,
}

// SAFETY: librdkafka's topics may be used from any thread at any time.
unsafe impl Send for Topic {}
// SAFETY: as above.
unsafe impl Sync for Topic {}

impl Topic {
    pub(super) fn new(client: &Arc<Client>, name: &str) -> Result<Self, String> {
        let c_name =
            CString::new(name).map_err(|_| "a topic's name has no NUL in it".to_owned())?;
        // SAFETY: the client is alive, the name is copied; without a configuration the client's is used.
        let ptr =
            unsafe { sys::rd_kafka_topic_new(client.ptr(), c_name.as_ptr(), ptr::null_mut()) };
        let ptr = NonNull::new(ptr).ok_or_else(|| "it isn't a topic's name".to_owned())?;
        Ok(Self {
            ptr,
            _client: client.clone(),
        })
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and its client is still alive.
        unsafe { sys::rd_kafka_topic_destroy(self.ptr.as_ptr()) }
    }
}

/// Puts a copy of a message into the producer's queue.
pub(super) fn produce(
    client: &Client,
    topic: &Topic,
    outgoing: &Outgoing<'_>,
    receipt: Receipt,
) -> Result<(), Unsent> {
    let opaque = Box::into_raw(Box::new(receipt));
    let headers = headers(outgoing.headers);
    let partition = outgoing.partition.unwrap_or(UNASSIGNED);
    // librdkafka takes 0 for "now".
    let timestamp = outgoing.timestamp.map_or(0, |millis| millis.max(1));
    let argument = |vtype, u| sys::rd_kafka_vu_t { vtype, u };
    let mut arguments = [argument(Type::RD_KAFKA_VTYPE_END, Value { i64_: 0 }); 8];
    let given = [
        Some((
            Type::RD_KAFKA_VTYPE_RKT,
            Value {
                rkt: topic.ptr.as_ptr(),
            },
        )),
        Some((Type::RD_KAFKA_VTYPE_PARTITION, Value { i32_: partition })),
        Some((
            Type::RD_KAFKA_VTYPE_MSGFLAGS,
            Value {
                i: sys::RD_KAFKA_MSG_F_COPY,
            },
        )),
        Some((Type::RD_KAFKA_VTYPE_TIMESTAMP, Value { i64_: timestamp })),
        Some((Type::RD_KAFKA_VTYPE_OPAQUE, Value { ptr: opaque.cast() })),
        outgoing
            .key
            .map(|key| (Type::RD_KAFKA_VTYPE_KEY, memory(key))),
        outgoing
            .value
            .map(|value| (Type::RD_KAFKA_VTYPE_VALUE, memory(value))),
        headers.map(|headers| {
            (
                Type::RD_KAFKA_VTYPE_HEADERS,
                Value {
                    headers: headers.as_ptr(),
                },
            )
        }),
    ];
    let mut count = 0;
    for (vtype, u) in given.into_iter().flatten() {
        arguments[count] = argument(vtype, u);
        count += 1;
    }
    // SAFETY: client and topic are alive; key and value are copied before this returns; headers and the receipt
    // are librdkafka's from here on when it succeeds, and ours when it fails.
    unsafe {
        let error = sys::rd_kafka_produceva(client.ptr(), arguments.as_ptr(), count);
        if error.is_null() {
            return Ok(());
        }
        let unsent = Unsent {
            code: of_error(error),
            text: text(sys::rd_kafka_error_string(error)).into_owned(),
        };
        sys::rd_kafka_error_destroy(error);
        if let Some(headers) = headers {
            sys::rd_kafka_headers_destroy(headers.as_ptr());
        }
        drop(Box::from_raw(opaque));
        Err(unsent)
    }
}

/// The receipt of a message, from its delivery report. Must be called once for each.
pub(super) fn receipt(message: &RawMessage<'_>) -> Option<Receipt> {
    let opaque = message.opaque().cast::<Receipt>();
    // SAFETY: every message of this producer was given a box by `produce`, and this is its only report.
    (!opaque.is_null()).then(|| unsafe { *Box::from_raw(opaque) })
}

fn memory(bytes: &[u8]) -> Value {
    Value {
        mem: Memory {
            ptr: bytes.as_ptr().cast_mut().cast(),
            size: bytes.len(),
        },
    }
}

fn headers(headers: &Headers) -> Option<NonNull<sys::rd_kafka_headers_t>> {
    if headers.is_empty() {
        return None;
    }
    // SAFETY: names and values are copied with the lengths given. No slice is longer than `isize::MAX`.
    unsafe {
        let list = sys::rd_kafka_headers_new(headers.len());
        for HeaderRef { name, value } in headers {
            let (bytes, len): (*const c_void, usize) = value.map_or((ptr::null(), 0), |value| {
                (value.as_ptr().cast(), value.len())
            });
            sys::rd_kafka_header_add(
                list,
                name.as_ptr().cast(),
                name.len() as isize,
                bytes,
                len as isize,
            );
        }
        NonNull::new(list)
    }
}
