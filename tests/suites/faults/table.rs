//! The table: what brokers do, and how it must end.
//!
//! Each lane is worked off by brokers and a daemon of its own, so a case may find what the one before left:
//! a producer that has begun anew, a coordinator that has moved.
//!
//! A broker's answer is believed. So the table holds no fault in which a broker says that it has what it has not
//! (a duplicate sequence number for a message that was never written): no client can survive a lie.

use pelton_harness::faulty::{
    Api::{self, Fetch, Heartbeat, Produce},
    Code::{self, RebalanceInProgress},
};

use crate::{
    case::{
        Case,
        Fault::{self, Answers},
        GROUP, INPUT, OUTPUT,
    },
    flow, group, network,
};

/// Cases that the same brokers and the same daemon go through, one after the other.
pub struct Lane {
    pub name: &'static str,
    /// The group's protocol.
    pub protocol: &'static str,
    pub cases: &'static [Case],
}

/// The whole table.
pub const LANES: &[Lane] = &[
    lane("produce", "cooperative", flow::PRODUCE),
    lane("refused", "cooperative", flow::PRODUCE_REFUSED),
    lane("anew", "cooperative", flow::PRODUCE_ANEW),
    lane("commit", "cooperative", flow::COMMIT),
    lane("fetch", "cooperative", flow::FETCH),
    lane("heartbeat", "cooperative", group::HEARTBEAT),
    lane("join", "cooperative", group::JOIN),
    lane("join-eager", "eager", group::JOIN_EAGER),
    lane("sync", "cooperative", group::SYNC),
    lane("positions", "cooperative", group::POSITIONS),
    lane("coordinator", "cooperative", group::COORDINATOR),
    lane("metadata", "cooperative", network::METADATA),
    lane("outages", "cooperative", network::OUTAGES),
    lane("round-trips", "cooperative", network::ROUND_TRIPS),
];

const fn lane(name: &'static str, protocol: &'static str, cases: &'static [Case]) -> Lane {
    Lane {
        name,
        protocol,
        cases,
    }
}

/// The next answers of the broker that this kind of request goes to.
pub const fn answers(api: Api, codes: &'static [Code]) -> Fault {
    let broker = match api {
        Produce => OUTPUT,
        Fetch => INPUT,
        _ => GROUP,
    };
    Answers(broker, api, codes)
}

/// Makes the member join anew: to be laid out last.
pub const REJOIN: Fault = answers(Heartbeat, &[RebalanceInProgress]);
