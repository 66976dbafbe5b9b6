//! A proxy on loopback before a real broker, which knows Kafka's requests by their kind and does to each what
//! networks do: delay it, lose it, lose its answer, or deliver it when it is long over.
//!
//! Such faults decide whether transactions are exactly once, and they can't be made at the broker. Clients find
//! the way through the proxy because the broker advertises the proxy's address on the listener behind it
//! ([`crate::TestCluster::start_proxied`]); nothing that passes is ever altered.
//!
//! Invariant: what the broker gets is what a client sent, each request at most once, and those of one connection
//! in their order.

mod connection;
mod frame;
mod held;
mod ledger;
mod record;
mod rule;
mod storm;
#[cfg(test)]
mod tests;

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{Client, wait};
use ledger::Ledger;

pub use frame::Api;
pub use record::{Injection, Late};
pub use rule::{Fault, Kind, Release, Rule};
pub use storm::Storm;

/// The proxy of one broker. It outlives the broker's deaths: connections of clients end with the broker's and can
/// be made again. Ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    ledger: Arc<Ledger>,
    accepting: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Listens on a free port and passes everything on to the broker at `upstream`, which needn't be there yet.
    ///
    /// # Errors
    /// When nothing can be listened on.
    pub fn start(upstream: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("no port for the proxy")?;
        let address = listener.local_addr()?;
        let ledger = Arc::new(Ledger::new());
        let accepting = thread::Builder::new().name("proxy".to_owned()).spawn({
            let ledger = ledger.clone();
            move || accept(&listener, upstream, &ledger)
        })?;
        Ok(Self {
            address,
            ledger,
            accepting: Some(accepting),
        })
    }

    /// What goes into `bootstrap-servers`.
    pub fn bootstrap(&self) -> String {
        self.address.to_string()
    }

    /// Where it listens, always 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// A client of the tests' own that goes through the proxy.
    ///
    /// # Errors
    /// When librdkafka can't make one.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.bootstrap())
    }

    /// Adds a rule. Of several that want a request the first gets it, and a storm only what no rule wants.
    pub fn inject(&self, rule: Rule) {
        self.ledger.inject(rule);
    }

    /// Begins a storm, in place of any other.
    pub fn storm(&self, storm: Storm) {
        self.ledger.storm(storm);
    }

    /// Takes back the storm and every rule. What is held stays held.
    pub fn calm(&self) {
        self.ledger.calm();
    }

    /// Sends all that is held on to the broker, and returns how many requests that were.
    pub fn release_held(&self) -> usize {
        self.ledger.release_held()
    }

    /// How many requests are held now.
    pub fn holding(&self) -> usize {
        self.ledger.holding()
    }

    /// How many requests of this kind clients have sent, whatever became of them.
    pub fn seen(&self, api: Api) -> usize {
        self.ledger.seen(api)
    }

    /// How many requests of this kind the broker has answered, whatever became of the answer.
    pub fn answered(&self, api: Api) -> usize {
        self.ledger.answers(api)
    }

    /// How many faults there were.
    pub fn injections(&self) -> usize {
        self.log().len()
    }

    /// How many faults of this kind met requests of this kind.
    pub fn injected(&self, api: Api, kind: Kind) -> usize {
        self.ledger.injected(api, kind)
    }

    /// All faults, in order.
    pub fn log(&self) -> Vec<Injection> {
        self.ledger.log()
    }

    /// All held requests that have reached the broker after all, once they are answered.
    pub fn late(&self) -> Vec<Late> {
        self.ledger.late()
    }

    /// Waits until there are so many [`Proxy::late`] requests.
    ///
    /// # Errors
    /// When there are fewer after `limit`, with the [`Proxy::report`].
    pub fn wait_for_late(&self, count: usize, limit: Duration) -> Result<Vec<Late>> {
        let enough = || Ok(Some(self.late()).filter(|late| late.len() >= count));
        wait::until("requests to be late", limit, enough).with_context(|| self.report())
    }

    /// What was seen and what was done, line by line, for whoever reads why a test failed.
    pub fn report(&self) -> String {
        self.ledger.report()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.ledger.stop();
        // Wakes the thread that accepts connections, so that it sees the end.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// Gives each client a thread, and ends with the last of them.
fn accept(listener: &TcpListener, upstream: SocketAddr, ledger: &Ledger) {
    thread::scope(|scope| {
        for client in listener.incoming() {
            if ledger.is_stopping() {
                return;
            }
            let Ok(client) = client else { continue };
            scope.spawn(move || {
                // A client whose broker is away is turned away too, by the end of its connection.
                let upstream = TcpStream::connect(upstream)?;
                connection::serve(ledger, &client, &upstream)
            });
        }
    });
}
