//! What is done to which request.

use std::time::Duration;

use super::frame::{Api, Request};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is forwarded after this time; later ones of its connection keep their place behind it.
    Delay(Duration),
    /// It is swallowed and the client's connection cut: the broker never sees it.
    Drop,
    /// It is swallowed, and the client runs into its time-out. Later requests of the connection are forwarded.
    Swallow,
    /// It is forwarded, and the client's connection cut in place of the answer: it is done, and nobody knows.
    CutAfter,
    /// It is held on its way and the client's connection cut, so that the client asks again. Later the broker
    /// gets it after all, over the connection it was sent on: a straggler of what is long over.
    Hold(Release),
}

impl Fault {
    /// Its kind, without the details.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Delay(_) => Kind::Delay,
            Self::Drop => Kind::Drop,
            Self::Swallow => Kind::Swallow,
            Self::CutAfter => Kind::CutAfter,
            Self::Hold(_) => Kind::Hold,
        }
    }
}

/// A [`Fault`] without its details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// See [`Fault::Delay`].
    Delay,
    /// See [`Fault::Drop`].
    Drop,
    /// See [`Fault::Swallow`].
    Swallow,
    /// See [`Fault::CutAfter`].
    CutAfter,
    /// See [`Fault::Hold`].
    Hold,
}

/// When a held request goes on to the broker. [`super::Proxy::release_held`] releases every one of them.
///
/// What is counted are requests of the same `client.id` as the held one's, from the moment it is held, whatever
/// connection they come by: a client that has been cut off comes back on another. What triggers a release waits
/// until the broker has answered the held request: then the straggler has certainly struck before the client
/// went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Not before it is asked for.
    OnDemand,
    /// After this time.
    After(Duration),
    /// Before the `count`-th further request of this kind goes on to the broker.
    WhenSeen {
        /// What is counted.
        api: Api,
        /// From 1.
        count: usize,
    },
    /// When the broker has answered the `count`-th further request of this kind, before the client gets that
    /// answer. A held [`Api::EndTxn`] hits the transaction after its own with one [`Api::Produce`]: that can
    /// only be answered once the later transaction is open.
    AfterAnswered {
        /// What is counted.
        api: Api,
        /// From 1.
        count: usize,
    },
}

/// One fault for the requests of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    api: Api,
    fault: Fault,
    client: String,
    skipped: usize,
    times: usize,
}

impl Rule {
    /// This fault for the next request of this kind.
    pub const fn new(api: Api, fault: Fault) -> Self {
        Self {
            api,
            fault,
            client: String::new(),
            skipped: 0,
            times: 1,
        }
    }

    /// Only for clients whose `client.id` contains this.
    #[must_use]
    pub fn client(mut self, part: &str) -> Self {
        part.clone_into(&mut self.client);
        self
    }

    /// For so many requests instead of one.
    #[must_use]
    pub const fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// Lets so many pass first.
    #[must_use]
    pub const fn skipping(mut self, count: usize) -> Self {
        self.skipped = count;
        self
    }

    /// The fault, if this request is one of those it is meant for.
    pub(super) fn take(&mut self, request: &Request) -> Option<Fault> {
        let meant = request.api == self.api && request.client.contains(&self.client);
        if !meant || self.times == 0 {
            return None;
        }
        if self.skipped > 0 {
            self.skipped -= 1;
            return None;
        }
        self.times -= 1;
        Some(self.fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(api: Api, client: &str) -> Request {
        Request {
            api,
            version: 0,
            correlation: 1,
            client: client.to_owned(),
        }
    }

    #[test]
    fn a_rule_meets_its_kind_and_its_client_as_often_as_it_says() {
        let mut rule = Rule::new(Api::EndTxn, Fault::Drop)
            .client("orders")
            .skipping(1)
            .times(2);
        assert_eq!(rule.take(&request(Api::Produce, "orders-1")), None);
        assert_eq!(rule.take(&request(Api::EndTxn, "users")), None);
        let mut taken = || rule.take(&request(Api::EndTxn, "my-orders-1"));
        let taken = [taken(), taken(), taken(), taken()];
        assert_eq!(taken, [None, Some(Fault::Drop), Some(Fault::Drop), None]);
    }

    #[test]
    fn a_rule_without_a_client_meets_each_one() {
        let mut rule = Rule::new(Api::Other(3), Fault::Swallow).times(2);
        for client in ["", "anyone"] {
            let taken = rule.take(&request(Api::of(3), client));
            assert_eq!(taken, Some(Fault::Swallow));
        }
    }
}
