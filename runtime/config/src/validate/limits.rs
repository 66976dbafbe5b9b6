//! `[handlers.NAME.limits]`.

use std::num::NonZeroU64;

use crate::{
    Limits,
    findings::{Finding, Findings},
    key::Key,
    schema::{self, Count, Size},
    validate::handler::{bytes, bytes_within},
};

/// Address space is reserved for the largest table of any handler, for each instance there may be.
const MOST_TABLE_ELEMENTS: Count = Count::new(10_000_000);

pub(super) fn validate(at: &Key, raw: &schema::Limits, findings: &mut Findings<'_>) -> Limits {
    let memory_at = at.join("memory");
    if raw.memory < Size::kib(64) || raw.memory > Size::gib(4) {
        let finding = Finding::new(format!("`{memory_at}` must be from 64 KiB to 4 GiB"));
        findings.refuse(finding.value(&memory_at, format!("this is {}", raw.memory)));
    }
    let table_at = at.join("table-elements");
    if raw.table_elements > MOST_TABLE_ELEMENTS {
        let finding = Finding::new(format!(
            "`{table_at}` must be at most {MOST_TABLE_ELEMENTS}"
        ));
        findings.refuse(finding.value(&table_at, format!("this is {}", raw.table_elements)));
    }
    let (output_at, call_at) = (at.join("output-bytes"), at.join("host-call-bytes"));
    if raw.output_bytes > raw.host_call_bytes {
        let finding = Finding::new(format!("`{call_at}` must be at least `{output_at}`"));
        findings.refuse(
            finding
                .value(&call_at, format!("this is {}", raw.host_call_bytes))
                .value(&output_at, format!("and this is {}", raw.output_bytes))
                .help("outputs are handed over in one call: raise the one or lower the other"),
        );
    }
    Limits {
        memory: NonZeroU64::new(raw.memory.0).unwrap_or(NonZeroU64::MIN),
        table_elements: raw.table_elements.0,
        time_per_message: raw.time_per_message.0,
        output_messages: raw.output_messages.0,
        output_bytes: bytes(&output_at, raw.output_bytes, findings),
        host_call_bytes: bytes(&call_at, raw.host_call_bytes, findings),
        log_lines: raw.log_lines.0,
        log_line_bytes: bytes_within(
            &at.join("log-line-bytes"),
            raw.log_line_bytes,
            Size(64)..=Size::kib(64),
            findings,
        ),
        http_requests: raw.http_requests.0,
        http_body_bytes: bytes(&at.join("http-body-bytes"), raw.http_body_bytes, findings),
        instances: raw.instances.0,
    }
}
