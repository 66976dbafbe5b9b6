//! Outgoing HTTP of guests: to granted origins, within limits, and no further than the message it is sent for.
//!
//! Invariants:
//! - What goes out goes to an origin of the handler's grants, written as it was granted: nothing of what the guest
//!   wrote decides where a connection leads, but which of the grants it meant.
//! - No redirect is followed and no proxy is used.
//! - A request is over with the message that it was sent for.

mod address;
mod body;
mod canned;
mod client;
mod connect;
mod exchange;
mod network;
mod origins;

use std::sync::Arc;

pub use canned::{Answers, Canned, CannedAnswer, CannedError, CannedPart};
pub(crate) use exchange::Exchange;
pub use network::{Addresses, Names, Network};

use self::{client::Client, origins::Origins};
use crate::env::HandlerEnv;

/// What the instances of a revision share.
pub(crate) struct Access {
    pub(crate) origins: Arc<Origins>,
    /// None where nothing is to go out.
    pub(crate) client: Option<Client>,
}

impl Access {
    /// For what a handler is granted; without a network, for tests. An error says what this machine lacks.
    pub(crate) fn new(env: &HandlerEnv, network: Option<&Network>) -> Result<Self, String> {
        let origins = Arc::new(Origins::new(&env.grants));
        let client = |network| Client::new(origins.clone(), &env.limits, network);
        let client = network.map(client).transpose()?;
        Ok(Self { origins, client })
    }
}
