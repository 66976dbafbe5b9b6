//! The engine that handlers begin on, and its size.
//!
//! An engine can't grow. Where a changed configuration asks for more than it has, those who begin then get another
//! one, and the former goes with the last handler on it; so nobody else notices.

use pelton_config::{Config, Handler};
use pelton_engine::{Engine, EngineSettings};
use tracing::info;

use crate::compiling::{compiler, component_bytes};

/// Instances for a handler beyond those it may have at work: a trial's, and those that replace others in a swap.
const SPARE_SLOTS: u32 = 4;
/// Address space is reserved for each; with more than these, handlers wait for one another.
const MOST_SLOTS: u32 = 2048;

/// The engine that handlers begin on now, and which one that is.
pub(super) struct Engines {
    newest: Engine,
    number: u32,
}

/// A handler's place on an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    engine: u32,
    slots: u32,
}

impl Engines {
    pub(super) fn start(config: &Config) -> Result<Self, pelton_engine::Error> {
        let newest = Engine::new(&engine_settings(config))?;
        Ok(Self { newest, number: 0 })
    }

    pub(super) fn newest(&self) -> &Engine {
        &self.newest
    }

    /// The place of a handler that begins now.
    pub(super) fn place(&self, handler: &Handler) -> Place {
        Place {
            engine: self.number,
            slots: slots(handler),
        }
    }

    /// Sees to it that these handlers of a configuration can begin beside those that stay.
    ///
    /// # Errors
    /// The system doesn't give what another engine takes.
    pub(super) fn make_room(
        &mut self,
        config: &Config,
        beginning: &[&Handler],
        staying: impl Iterator<Item = Place>,
    ) -> Result<(), pelton_engine::Error> {
        let taken = staying
            .filter(|place| place.engine == self.number)
            .map(|place| place.slots);
        if fits(self.newest.settings(), beginning, taken) {
            return Ok(());
        }
        let wanted = engine_settings(config);
        self.newest = self.newest.beside(&wanted)?;
        self.number += 1;
        info!(
            instances = wanted.slots,
            memory = wanted.max_memory_bytes,
            "handlers that begin now need a larger engine than there is and get another"
        );
        Ok(())
    }
}

/// Whether an engine has room for these handlers beside those that have taken so many slots each.
fn fits(engine: &EngineSettings, beginning: &[&Handler], taken: impl Iterator<Item = u32>) -> bool {
    let slots = beginning
        .iter()
        .map(|handler| slots(handler))
        .chain(taken)
        .fold(0, u32::saturating_add);
    let each = |handler: &&Handler| {
        let memory = usize::try_from(handler.limits.memory.get()).unwrap_or(usize::MAX);
        let table = handler.limits.table_elements.get() as usize;
        memory <= engine.max_memory_bytes && table <= engine.max_table_elements
    };
    slots.min(MOST_SLOTS) <= engine.slots && beginning.iter().all(each)
}

fn slots(handler: &Handler) -> u32 {
    handler.limits.instances.get().saturating_add(SPARE_SLOTS)
}

/// An engine that is large enough for all handlers of a configuration.
pub fn engine_settings(config: &Config) -> EngineSettings {
    let handlers = || config.handlers.values();
    let slots = handlers().map(slots).fold(0, u32::saturating_add);
    let memory = handlers().map(|handler| handler.limits.memory.get()).max();
    let table = handlers()
        .map(|handler| handler.limits.table_elements.get())
        .max();
    EngineSettings {
        slots: slots.min(MOST_SLOTS),
        max_memory_bytes: usize::try_from(memory.unwrap_or(0)).unwrap_or(usize::MAX),
        max_table_elements: table.unwrap_or(0) as usize,
        stack_bytes: config.daemon.guest_stack.get() as usize,
        max_component_bytes: component_bytes(&config.daemon),
        compiler: compiler(&config.daemon),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(limits: &[&str]) -> Config {
        let mut text = "[clusters.default]\nbootstrap-servers = [\"kafka:9092\"]\n".to_owned();
        for (n, limits) in limits.iter().enumerate() {
            text += &format!(
                "[handlers.h{n}]\ncomponent = \"h.wasm\"\ntopics = [\"t{n}\"]\nlimits = {{ {limits} }}\n"
            );
        }
        pelton_config::parse(&text, Path::new("pelton.toml"), &|_| None).unwrap()
    }

    #[test]
    fn what_an_engine_was_made_for_fits_and_one_handler_more_or_a_larger_one_does_not() {
        let [small, many, large, wide] = [
            "instances = 4",
            "instances = 5",
            "instances = 4, memory = \"65 MiB\"",
            "instances = 4, table-elements = 100001",
        ];
        let engine = engine_settings(&config(&[small, small]));
        let fits_beside = |taken: &[u32], handlers: &[&str]| {
            let config = config(handlers);
            let handlers: Vec<_> = config.handlers.values().collect();
            fits(&engine, &handlers, taken.iter().copied())
        };
        assert!(fits_beside(&[], &[small, small]));
        assert!(fits_beside(&[8], &[small]));
        assert!(!fits_beside(&[8, 8], &[small]));
        assert!(!fits_beside(&[8], &[many]));
        assert!(!fits_beside(&[8], &[large]));
        assert!(!fits_beside(&[8], &[wide]));
        // With the most there can be, handlers wait for one another.
        let full = EngineSettings {
            slots: MOST_SLOTS,
            ..engine.clone()
        };
        assert!(fits(&full, &[], [MOST_SLOTS, 8].into_iter()));
    }
}
