//! `pelton:handler/settings`: the handler's own table of the configuration.

use crate::{bindings::pelton::handler::settings::Host, state::State};

impl Host for State {
    fn get(&mut self, key: String) -> Option<String> {
        let settings = &self.env.settings;
        let at = settings
            .binary_search_by(|(known, _)| known.as_str().cmp(&key))
            .ok()?;
        settings.get(at).map(|(_, value)| value.clone())
    }

    fn all(&mut self) -> Vec<(String, String)> {
        self.env.settings.clone()
    }
}
