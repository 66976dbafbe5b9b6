//! `pelton:handler/types` has no functions.

use crate::{bindings::pelton::handler::types::Host, state::State};

impl Host for State {}
