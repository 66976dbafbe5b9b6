//! What a client may do with topics, as the brokers tell.
#![expect(
    unsafe_code,
    reason = "rdkafka has no safe interface to descriptions of topics"
)]

use std::{
    ffi::{CString, c_char},
    slice,
    sync::Arc,
    time::Duration,
};

use rdkafka_sys::{self as sys, rd_kafka_AclOperation_t as Operation, rd_kafka_admin_op_t as Op};

use super::{
    Client,
    client::millis,
    codes,
    event::{Event, text},
};

/// Those of these topics that the client may not write to. Empty where the brokers don't tell.
pub(super) fn denied(client: &Arc<Client>, topics: &[String], timeout: Duration) -> Vec<String> {
    let names: Vec<CString> = topics
        .iter()
        .filter_map(|topic| CString::new(topic.as_str()).ok())
        .collect();
    let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
    let Some(queue) = client.new_queue().filter(|_| !pointers.is_empty()) else {
        return Vec::new();
    };
    // SAFETY: client, names, options and queue are alive; names and options are copied before they are destroyed.
    unsafe {
        let options =
            sys::rd_kafka_AdminOptions_new(client.ptr(), Op::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
        let collection =
            sys::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
        let mut said: [c_char; 256] = [0; 256];
        sys::rd_kafka_AdminOptions_set_request_timeout(
            options,
            millis(timeout),
            said.as_mut_ptr(),
            said.len(),
        );
        let error = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
        if !error.is_null() {
            sys::rd_kafka_error_destroy(error);
        }
        sys::rd_kafka_DescribeTopics(client.ptr(), collection, options, queue.ptr());
        sys::rd_kafka_TopicCollection_destroy(collection);
        sys::rd_kafka_AdminOptions_destroy(options);
    }
    queue
        .poll(timeout + Duration::from_secs(1))
        .map_or_else(Vec::new, |event| denied_in(&event))
}

fn denied_in(event: &Event<'_>) -> Vec<String> {
    // SAFETY: the event is alive, and so is everything it lends; its arrays are as long as it says.
    unsafe {
        let result = sys::rd_kafka_event_DescribeTopics_result(event.ptr());
        if result.is_null() {
            return Vec::new();
        }
        let mut count = 0;
        let topics = sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
        if topics.is_null() || count == 0 {
            return Vec::new();
        }
        slice::from_raw_parts(topics, count)
            .iter()
            .filter(|topic| is_denied(**topic))
            .map(|topic| text(sys::rd_kafka_TopicDescription_name(*topic)).into_owned())
            .collect()
    }
}

/// # Safety
/// The description must be alive.
unsafe fn is_denied(topic: *const sys::rd_kafka_TopicDescription_t) -> bool {
    // SAFETY: as the caller vouches; the operations are as many as is said.
    unsafe {
        let error = sys::rd_kafka_TopicDescription_error(topic);
        let refused = !error.is_null()
            && codes::of_error(error) == rdkafka::types::RDKafkaErrorCode::TopicAuthorizationFailed;
        let mut count = 0;
        let operations =
            sys::rd_kafka_TopicDescription_authorized_operations(topic, &raw mut count);
        let told = !operations.is_null() && count > 0;
        let may_write = told
            && slice::from_raw_parts(operations, count)
                .iter()
                .any(|operation| {
                    matches!(
                        operation,
                        Operation::RD_KAFKA_ACL_OPERATION_WRITE
                            | Operation::RD_KAFKA_ACL_OPERATION_ALL
                    )
                });
        refused || told && !may_write
    }
}
