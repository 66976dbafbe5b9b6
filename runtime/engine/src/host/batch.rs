//! `pelton:handler/batch`: the host's side of a packed batch.

use crate::{bindings::pelton::handler::batch::Host, state::State};

impl Host for State {
    fn next(&mut self, position: u32) -> bool {
        if self.is_curtailed() {
            return false;
        }
        if self.begin(position) {
            return true;
        }
        self.batch.broken.get_or_insert_with(|| {
            format!("called batch.next({position}), which is behind an earlier one or no position of the batch")
        });
        false
    }

    fn emit(&mut self, arena: Vec<u8>, index: Vec<u32>) {
        if self.batch.answer.is_some() {
            self.batch
                .broken
                .get_or_insert_with(|| "called batch.emit more than once".to_owned());
            return;
        }
        self.batch.answer = Some((arena, index));
    }
}
