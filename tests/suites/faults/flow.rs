//! Faults of messages on their way: produced, fetched, committed.

use pelton_harness::faulty::{
    Api::{Fetch, OffsetCommit, Produce},
    Code::{
        BrokerNotAvailable, BrokerTransportFailure as Broken, ClusterAuthorizationFailed,
        CoordinatorLoadInProgress, CoordinatorNotAvailable, FencedLeaderEpoch,
        GroupAuthorizationFailed, IllegalGeneration, InvalidCommitOffsetSize, InvalidMessage,
        InvalidProducerEpoch, InvalidRecord, InvalidRequiredAcks, KafkaStorageError,
        LeaderNotAvailable, MessageSizeTooLarge, NetworkException, NotCoordinator,
        NotEnoughReplicas, NotEnoughReplicasAfterAppend, NotLeaderForPartition,
        OffsetMetadataTooLarge, OffsetNotAvailable, OffsetOutOfRange, OutOfOrderSequenceNumber,
        PolicyViolation, RebalanceInProgress, ReplicaNotAvailable, RequestTimedOut,
        TopicAuthorizationFailed, Unknown, UnknownLeaderEpoch, UnknownMemberId, UnknownProducerId,
        UnknownTopicOrPartition,
    },
};

use crate::{
    case::{
        Case,
        Fault::{Late, RoundTrip},
        GROUP, INPUT, OUTPUT, anew, in_dead_letters, saying, well,
    },
    table::answers,
};

pub const PRODUCE: &[Case] = &[
    well(
        "produce: not the leader",
        &[answers(Produce, &[NotLeaderForPartition])],
    ),
    well(
        "produce: not the leader, five times",
        &[answers(Produce, &[NotLeaderForPartition; 5])],
    ),
    well(
        "produce: no leader",
        &[answers(Produce, &[LeaderNotAvailable; 2])],
    ),
    well(
        "produce: topic unknown for a moment",
        &[answers(Produce, &[UnknownTopicOrPartition; 2])],
    ),
    well(
        "produce: timed out at the broker",
        &[answers(Produce, &[RequestTimedOut; 3])],
    ),
    well(
        "produce: too few replicas",
        &[answers(Produce, &[NotEnoughReplicas; 3])],
    ),
    well(
        "produce: too few replicas after the append",
        &[answers(Produce, &[NotEnoughReplicasAfterAppend; 2])],
    ),
    well(
        "produce: the broker's disk fails",
        &[answers(Produce, &[KafkaStorageError; 2])],
    ),
    well(
        "produce: the connection breaks",
        &[answers(Produce, &[Broken])],
    ),
    well(
        "produce: the connection breaks three times",
        &[answers(Produce, &[Broken; 3])],
    ),
    well(
        "produce: one fault after the other",
        &[answers(
            Produce,
            &[
                NotLeaderForPartition,
                Broken,
                NotEnoughReplicas,
                RequestTimedOut,
                Broken,
                LeaderNotAvailable,
            ],
        )],
    ),
    well(
        "produce: acknowledged two seconds late",
        &[Late(OUTPUT, Produce, &[2_000, 500])],
    ),
    well(
        "produce: one fault after the other, at a round trip of 200 ms",
        &[
            RoundTrip(OUTPUT, 200),
            answers(Produce, &[NotLeaderForPartition, Broken, RequestTimedOut]),
        ],
    ),
];

pub const PRODUCE_REFUSED: &[Case] = &[
    in_dead_letters(
        "produce: the topic is forbidden",
        &[answers(Produce, &[TopicAuthorizationFailed])],
    ),
    in_dead_letters(
        "produce: message too large for the broker",
        &[answers(Produce, &[MessageSizeTooLarge])],
    ),
    in_dead_letters(
        "produce: a record the broker calls invalid",
        &[answers(Produce, &[InvalidRecord])],
    ),
    in_dead_letters(
        "produce: against the broker's policy",
        &[answers(Produce, &[PolicyViolation])],
    ),
    anew(
        "produce: network exception",
        &[answers(Produce, &[NetworkException])],
    ),
    anew(
        "produce: an error nobody expects",
        &[answers(Produce, &[Unknown])],
    ),
];

pub const PRODUCE_ANEW: &[Case] = &[
    anew(
        "produce: acks the broker doesn't know",
        &[answers(Produce, &[InvalidRequiredAcks])],
    ),
    anew(
        "produce: the cluster forbids it",
        &[answers(Produce, &[ClusterAuthorizationFailed])],
    ),
    anew(
        "produce: sequence out of order",
        &[answers(Produce, &[OutOfOrderSequenceNumber])],
    ),
    well(
        "produce: the producer's id is forgotten",
        &[answers(Produce, &[UnknownProducerId])],
    ),
    anew(
        "produce: the producer's epoch is old",
        &[answers(Produce, &[InvalidProducerEpoch])],
    ),
];

pub const COMMIT: &[Case] = &[
    well(
        "commit: not the coordinator",
        &[answers(OffsetCommit, &[NotCoordinator])],
    ),
    well(
        "commit: not the coordinator, four times",
        &[answers(OffsetCommit, &[NotCoordinator; 4])],
    ),
    well(
        "commit: no coordinator",
        &[answers(OffsetCommit, &[CoordinatorNotAvailable; 2])],
    ),
    well(
        "commit: the coordinator loads",
        &[answers(OffsetCommit, &[CoordinatorLoadInProgress; 3])],
    ),
    well(
        "commit: timed out at the broker",
        &[answers(OffsetCommit, &[RequestTimedOut; 2])],
    ),
    well(
        "commit: an error nobody expects",
        &[answers(OffsetCommit, &[Unknown; 2])],
    ),
    well(
        "commit: topic unknown for a moment",
        &[answers(OffsetCommit, &[UnknownTopicOrPartition; 2])],
    ),
    well(
        "commit: metadata too large",
        &[answers(OffsetCommit, &[OffsetMetadataTooLarge])],
    ),
    well(
        "commit: offset refused",
        &[answers(OffsetCommit, &[InvalidCommitOffsetSize])],
    ),
    well(
        "commit: the group is forbidden for a moment",
        &[answers(OffsetCommit, &[GroupAuthorizationFailed; 2])],
    ),
    well(
        "commit: the topic is forbidden for a moment",
        &[answers(OffsetCommit, &[TopicAuthorizationFailed; 2])],
    ),
    well(
        "commit: the group rebalances",
        &[answers(OffsetCommit, &[RebalanceInProgress])],
    ),
    well(
        "commit: another generation",
        &[answers(OffsetCommit, &[IllegalGeneration])],
    ),
    well(
        "commit: a member unknown",
        &[answers(OffsetCommit, &[UnknownMemberId])],
    ),
    well(
        "commit: the connection breaks",
        &[answers(OffsetCommit, &[Broken])],
    ),
    well(
        "commit: the connection breaks three times",
        &[answers(OffsetCommit, &[Broken; 3])],
    ),
    well(
        "commit: answered two seconds late",
        &[Late(GROUP, OffsetCommit, &[2_000])],
    ),
    well(
        "commit: one fault after the other",
        &[answers(
            OffsetCommit,
            &[
                NotCoordinator,
                Broken,
                RequestTimedOut,
                CoordinatorLoadInProgress,
                Unknown,
            ],
        )],
    ),
];

pub const FETCH: &[Case] = &[
    well(
        "fetch: not the leader",
        &[answers(Fetch, &[NotLeaderForPartition; 2])],
    ),
    well(
        "fetch: no leader",
        &[answers(Fetch, &[LeaderNotAvailable; 2])],
    ),
    well(
        "fetch: topic unknown for a moment",
        &[answers(Fetch, &[UnknownTopicOrPartition; 2])],
    ),
    well(
        "fetch: no replica",
        &[answers(Fetch, &[ReplicaNotAvailable; 2])],
    ),
    well("fetch: no broker", &[answers(Fetch, &[BrokerNotAvailable])]),
    well(
        "fetch: the broker's disk fails",
        &[answers(Fetch, &[KafkaStorageError; 2])],
    ),
    well(
        "fetch: an old leader's epoch",
        &[answers(Fetch, &[FencedLeaderEpoch])],
    ),
    well(
        "fetch: a leader's epoch unknown",
        &[answers(Fetch, &[UnknownLeaderEpoch; 2])],
    ),
    well(
        "fetch: offset not there yet",
        &[answers(Fetch, &[OffsetNotAvailable; 2])],
    ),
    well(
        "fetch: offset called out of range though it is there",
        &[answers(Fetch, &[OffsetOutOfRange])],
    ),
    well(
        "fetch: timed out at the broker",
        &[answers(Fetch, &[RequestTimedOut; 2])],
    ),
    well(
        "fetch: an error nobody expects",
        &[answers(Fetch, &[Unknown; 2])],
    ),
    well(
        "fetch: the broker finds a batch corrupt for a moment",
        &[answers(Fetch, &[InvalidMessage])],
    ),
    saying(
        "fetch: the topic is forbidden for a moment",
        &[answers(Fetch, &[TopicAuthorizationFailed])],
        "not allowed",
    ),
    well("fetch: the connection breaks", &[answers(Fetch, &[Broken])]),
    well(
        "fetch: the connection breaks four times",
        &[answers(Fetch, &[Broken; 4])],
    ),
    well(
        "fetch: answered a second late",
        &[Late(INPUT, Fetch, &[1_000, 1_000])],
    ),
    well(
        "fetch: one fault after the other",
        &[answers(
            Fetch,
            &[
                Broken,
                NotLeaderForPartition,
                Unknown,
                UnknownLeaderEpoch,
                Broken,
                KafkaStorageError,
            ],
        )],
    ),
];
