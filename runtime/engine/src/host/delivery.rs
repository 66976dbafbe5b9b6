//! `pelton:handler/delivery`: what is known of the message being handled.

use crate::{
    bindings::pelton::handler::delivery::{Host, MessageId},
    state::State,
};

impl Host for State {
    fn attempt(&mut self) -> u32 {
        self.journal
            .delivery()
            .map_or(0, |delivery| delivery.attempt)
    }

    fn remaining_ms(&mut self) -> u64 {
        match self.journal.position() {
            // It is a clock too.
            Some(_) if self.is_frozen() => {
                u64::try_from(self.env.limits.time_per_message.as_millis()).unwrap_or(u64::MAX)
            }
            Some(_) => u64::try_from(self.meter.remaining().as_millis()).unwrap_or(u64::MAX),
            None => 0,
        }
    }

    fn id(&mut self) -> Option<MessageId> {
        let id = self.journal.delivery()?.id;
        Some(MessageId {
            topic: id.topic.to_string(),
            partition: id.partition,
            offset: id.offset,
        })
    }

    fn revision(&mut self) -> String {
        self.revision.to_string()
    }
}
