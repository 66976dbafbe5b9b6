//! Faults of the group: heartbeats, joining, positions, and who coordinates it.

use pelton_harness::faulty::{
    Api::{
        FindCoordinator, Heartbeat, InitProducerId, JoinGroup, OffsetCommit, OffsetFetch, SyncGroup,
    },
    Code::{
        BrokerTransportFailure as Broken, CoordinatorLoadInProgress, CoordinatorNotAvailable,
        GroupAuthorizationFailed, GroupMaxSizeReached, IllegalGeneration,
        InconsistentGroupProtocol, InvalidSessionTimeout, NotCoordinator, RebalanceInProgress,
        RequestTimedOut, Unknown, UnknownMemberId, UnstableOffsetCommit,
    },
};

use crate::{
    case::{
        Case,
        Fault::{AnswersAnywhere, Coordinator, Down, Late, Pause, Restarts},
        GROUP, INPUT, OUTPUT, saying, well,
    },
    table::{REJOIN, answers},
};

pub const HEARTBEAT: &[Case] = &[
    well("heartbeat: the group rebalances", &[REJOIN]),
    well(
        "heartbeat: not the coordinator",
        &[answers(Heartbeat, &[NotCoordinator; 2])],
    ),
    well(
        "heartbeat: no coordinator",
        &[answers(Heartbeat, &[CoordinatorNotAvailable])],
    ),
    well(
        "heartbeat: the coordinator loads",
        &[answers(Heartbeat, &[CoordinatorLoadInProgress])],
    ),
    well(
        "heartbeat: another generation",
        &[answers(Heartbeat, &[IllegalGeneration])],
    ),
    well(
        "heartbeat: a member unknown",
        &[answers(Heartbeat, &[UnknownMemberId])],
    ),
    well(
        "heartbeat: timed out at the broker",
        &[answers(Heartbeat, &[RequestTimedOut; 2])],
    ),
    well(
        "heartbeat: an error nobody expects",
        &[answers(Heartbeat, &[Unknown])],
    ),
    well(
        "heartbeat: the group is forbidden for a moment",
        &[answers(Heartbeat, &[GroupAuthorizationFailed])],
    ),
    well(
        "heartbeat: the connection breaks",
        &[answers(Heartbeat, &[Broken; 2])],
    ),
    well(
        "heartbeat: answered later than the session lasts",
        &[Late(GROUP, Heartbeat, &[4_000])],
    ),
];

pub const JOIN: &[Case] = &[
    well(
        "join: not the coordinator",
        &[answers(JoinGroup, &[NotCoordinator; 2]), REJOIN],
    ),
    well(
        "join: no coordinator",
        &[answers(JoinGroup, &[CoordinatorNotAvailable]), REJOIN],
    ),
    well(
        "join: the coordinator loads",
        &[answers(JoinGroup, &[CoordinatorLoadInProgress; 2]), REJOIN],
    ),
    well(
        "join: a member unknown",
        &[answers(JoinGroup, &[UnknownMemberId]), REJOIN],
    ),
    well(
        "join: an error nobody expects",
        &[answers(JoinGroup, &[Unknown; 2]), REJOIN],
    ),
    well(
        "join: the connection breaks",
        &[answers(JoinGroup, &[Broken; 2]), REJOIN],
    ),
    saying(
        "join: the group is forbidden for a moment",
        &[answers(JoinGroup, &[GroupAuthorizationFailed]), REJOIN],
        "not allowed",
    ),
    saying(
        "join: another protocol in the group",
        &[answers(JoinGroup, &[InconsistentGroupProtocol]), REJOIN],
        "the group's coordinator refuses this member",
    ),
];

pub const JOIN_EAGER: &[Case] = &[
    well("eager: the group rebalances", &[REJOIN]),
    well(
        "eager: a member unknown while all partitions are given up",
        &[answers(JoinGroup, &[UnknownMemberId]), REJOIN],
    ),
    well(
        "eager: the coordinator changes while all partitions are given up",
        &[answers(SyncGroup, &[NotCoordinator]), REJOIN],
    ),
    well(
        "eager: another generation",
        &[answers(Heartbeat, &[IllegalGeneration])],
    ),
    well(
        "eager: a commit while the group rebalances",
        &[answers(OffsetCommit, &[RebalanceInProgress; 2]), REJOIN],
    ),
    saying(
        "eager: the group is full for a moment",
        &[answers(JoinGroup, &[GroupMaxSizeReached]), REJOIN],
        "the group's coordinator refuses this member",
    ),
    saying(
        "eager: the session time-out is refused for a moment",
        &[answers(JoinGroup, &[InvalidSessionTimeout]), REJOIN],
        "the group's coordinator refuses this member",
    ),
];

pub const SYNC: &[Case] = &[
    well(
        "sync: the group rebalances again",
        &[answers(SyncGroup, &[RebalanceInProgress]), REJOIN],
    ),
    well(
        "sync: a member unknown",
        &[answers(SyncGroup, &[UnknownMemberId]), REJOIN],
    ),
    well(
        "sync: another generation",
        &[answers(SyncGroup, &[IllegalGeneration]), REJOIN],
    ),
    well(
        "sync: not the coordinator",
        &[answers(SyncGroup, &[NotCoordinator]), REJOIN],
    ),
    well(
        "sync: no coordinator",
        &[answers(SyncGroup, &[CoordinatorNotAvailable]), REJOIN],
    ),
    well(
        "sync: the coordinator loads",
        &[answers(SyncGroup, &[CoordinatorLoadInProgress]), REJOIN],
    ),
    well(
        "sync: an error nobody expects",
        &[answers(SyncGroup, &[Unknown]), REJOIN],
    ),
    well(
        "sync: the group is forbidden for a moment",
        &[answers(SyncGroup, &[GroupAuthorizationFailed]), REJOIN],
    ),
    well(
        "sync: the connection breaks",
        &[answers(SyncGroup, &[Broken]), REJOIN],
    ),
];

pub const POSITIONS: &[Case] = &[
    well(
        "positions: not the coordinator",
        &[Restarts, answers(OffsetFetch, &[NotCoordinator; 2])],
    ),
    well(
        "positions: the coordinator loads",
        &[
            Restarts,
            answers(OffsetFetch, &[CoordinatorLoadInProgress; 2]),
        ],
    ),
    well(
        "positions: transactions are open",
        &[Restarts, answers(OffsetFetch, &[UnstableOffsetCommit; 2])],
    ),
    well(
        "positions: the connection breaks",
        &[Restarts, answers(OffsetFetch, &[Broken; 2])],
    ),
    well(
        "positions: the group is forbidden for a moment",
        &[Restarts, answers(OffsetFetch, &[GroupAuthorizationFailed])],
    ),
    well(
        "start: no producer's id yet",
        &[
            Restarts,
            AnswersAnywhere(InitProducerId, &[CoordinatorLoadInProgress; 2]),
        ],
    ),
    well(
        "start: the connection breaks before there is a producer's id",
        &[Restarts, AnswersAnywhere(InitProducerId, &[Broken; 2])],
    ),
];

pub const COORDINATOR: &[Case] = &[
    well("coordinator: moves", &[Coordinator(INPUT)]),
    well(
        "coordinator: moves and the old one goes down",
        &[Coordinator(OUTPUT), Down(INPUT, 1_000)],
    ),
    well(
        "coordinator: moves there and back",
        &[
            Coordinator(INPUT),
            Pause(300),
            Coordinator(OUTPUT),
            Pause(300),
            Coordinator(GROUP),
        ],
    ),
    well(
        "coordinator: moves in the middle of a rebalance",
        &[
            REJOIN,
            Pause(700),
            Coordinator(INPUT),
            Pause(500),
            Coordinator(GROUP),
        ],
    ),
    well(
        "find coordinator: none",
        &[
            AnswersAnywhere(FindCoordinator, &[CoordinatorNotAvailable; 3]),
            answers(Heartbeat, &[NotCoordinator]),
        ],
    ),
    well(
        "find coordinator: it loads",
        &[
            AnswersAnywhere(FindCoordinator, &[CoordinatorLoadInProgress; 2]),
            answers(Heartbeat, &[NotCoordinator]),
        ],
    ),
    well(
        "find coordinator: an error nobody expects",
        &[
            AnswersAnywhere(FindCoordinator, &[Unknown; 2]),
            answers(Heartbeat, &[NotCoordinator]),
        ],
    ),
    well(
        "find coordinator: the connection breaks",
        &[
            AnswersAnywhere(FindCoordinator, &[Broken; 2]),
            answers(Heartbeat, &[NotCoordinator]),
        ],
    ),
    well(
        "find coordinator: the group is forbidden for a moment",
        &[
            AnswersAnywhere(FindCoordinator, &[GroupAuthorizationFailed]),
            answers(Heartbeat, &[NotCoordinator]),
        ],
    ),
    well(
        "find coordinator: none when the daemon starts",
        &[
            Restarts,
            AnswersAnywhere(FindCoordinator, &[CoordinatorNotAvailable; 3]),
        ],
    ),
];
