//! The benchmark's work `enrich` with the SDK: packed batches.

use pelton_bench_work::{COPIED_HEADER, enrich};
use pelton_sdk::{Failure, Message, OrFail, Output};

#[pelton_sdk::handler]
fn handle(message: &Message) -> Result<Option<Output>, Failure> {
    let mut value = Vec::new();
    if !enrich(message.value().unwrap_or_default(), &mut value).or_reject("no order")? {
        return Ok(None);
    }
    let output = Output::new().same_key().value(value);
    Ok(Some(match message.header(COPIED_HEADER) {
        Some(header) => output.header(COPIED_HEADER, header),
        None => output,
    }))
}
