//! Faults of brokers as such: what they say of topics, whether they are there, how long they take.

use pelton_harness::faulty::{
    Api::{Fetch, OffsetCommit},
    Code::{
        BrokerTransportFailure as Broken, LeaderNotAvailable, NoError, NotCoordinator,
        NotLeaderForPartition, TopicAuthorizationFailed, UnknownTopicOrPartition,
    },
};

use crate::{
    case::{
        ALL, Case,
        Fault::{Coordinator, Denied, Down, Flow, Leader, Pause, Restarts, RoundTrip},
        GROUP, INPUT, OUTPUT,
        Topic::{Input, Output},
        anew, in_dead_letters, well,
    },
    table::{REJOIN, answers},
};

/// No leader returns before all messages of the case are through. librdkafka 2.12 loses a partition whose leader
/// moves and returns before the move is carried out: `rd_kafka_toppar_broker_update` compares with the broker that
/// it is leaving and overlooks the one it is on its way to, where it then stays for good, whatever metadata says.
pub const METADATA: &[Case] = &[
    well(
        "metadata: the output's leader moves",
        &[Leader(Output, GROUP)],
    ),
    well(
        "metadata: the input's leader moves",
        &[Leader(Input, GROUP)],
    ),
    well(
        "metadata: both leaders move",
        &[Leader(Input, OUTPUT), Leader(Output, INPUT)],
    ),
    well(
        "metadata: both leaders change places",
        &[Leader(Input, INPUT), Leader(Output, OUTPUT)],
    ),
    well(
        "metadata: the input's leader is not available",
        &[
            Denied(Input, LeaderNotAvailable),
            Pause(2_000),
            Denied(Input, NoError),
        ],
    ),
    well(
        "metadata: the output's leader is not available",
        &[
            Denied(Output, LeaderNotAvailable),
            Pause(2_000),
            Denied(Output, NoError),
        ],
    ),
    anew(
        "metadata: the output is unknown for a moment",
        &[
            Denied(Output, UnknownTopicOrPartition),
            Pause(2_000),
            Flow,
            Pause(1_500),
            Denied(Output, NoError),
        ],
    ),
    in_dead_letters(
        "metadata: the output is forbidden for a moment",
        &[
            Denied(Output, TopicAuthorizationFailed),
            Pause(2_000),
            Flow,
            Pause(1_500),
            Denied(Output, NoError),
        ],
    ),
    well(
        "metadata: the input is unknown for a moment",
        &[
            Denied(Input, UnknownTopicOrPartition),
            Pause(2_500),
            Denied(Input, NoError),
        ],
    ),
];

pub const OUTAGES: &[Case] = &[
    well("outage: the input's broker", &[Down(INPUT, 1_500)]),
    well("outage: the output's broker", &[Down(OUTPUT, 1_500)]),
    well("outage: the coordinator", &[Down(GROUP, 1_500)]),
    well(
        "outage: the coordinator, for longer than the session lasts",
        &[Down(GROUP, 4_500)],
    ),
    well("outage: all brokers", &[Down(ALL, 1_500)]),
    well(
        "outage: all brokers, for longer than the session lasts",
        &[Down(ALL, 4_500)],
    ),
    well(
        "outage: one broker after the other",
        &[
            Down(INPUT, 400),
            Down(OUTPUT, 400),
            Down(GROUP, 400),
            Down(INPUT, 400),
        ],
    ),
    well(
        "outage: the output's broker, while commits fail",
        &[
            answers(OffsetCommit, &[NotCoordinator; 3]),
            Down(OUTPUT, 1_000),
        ],
    ),
    well(
        "outage: the coordinator, while the group rebalances",
        &[REJOIN, Pause(600), Down(GROUP, 1_000)],
    ),
    well(
        "outage: all brokers while the daemon starts",
        &[Restarts, Down(ALL, 1_000)],
    ),
];

pub const ROUND_TRIPS: &[Case] = &[
    well("round trip: 50 ms everywhere", &[RoundTrip(ALL, 50)]),
    well("round trip: 300 ms everywhere", &[RoundTrip(ALL, 300)]),
    well(
        "round trip: a second to the output",
        &[RoundTrip(OUTPUT, 1_000)],
    ),
    well(
        "round trip: a second to the input",
        &[RoundTrip(INPUT, 1_000)],
    ),
    well(
        "round trip: a second to the coordinator",
        &[RoundTrip(GROUP, 1_000)],
    ),
    well(
        "round trip: 200 ms, while fetches and commits fail",
        &[
            RoundTrip(ALL, 200),
            answers(Fetch, &[NotLeaderForPartition, Broken]),
            answers(OffsetCommit, &[NotCoordinator, Broken]),
        ],
    ),
    well(
        "round trip: 200 ms, while the group rebalances",
        &[RoundTrip(ALL, 200), REJOIN],
    ),
    well(
        "round trip: 200 ms, while the coordinator moves",
        &[RoundTrip(ALL, 200), Coordinator(INPUT)],
    ),
];
