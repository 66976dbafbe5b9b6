//! What can go wrong before or instead of messages moving.

use pelton_types::TopicPartition;

use crate::TroubleClass;

/// A failure of this room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// librdkafka doesn't take a property.
    #[error("the librdkafka property `{name}` can't be used: {text}; correct or remove it")]
    Property {
        /// Which one.
        name: String,
        /// What librdkafka says; never a secret's value.
        text: String,
    },
    /// A property that this room sets itself.
    #[error("the librdkafka property `{name}` is set by the daemon, which relies on it; remove it")]
    OwnedProperty {
        /// Which one.
        name: String,
    },
    /// The client could not be created.
    #[error("can't create a Kafka client: {text}")]
    Client {
        /// What librdkafka says.
        text: String,
    },
    /// The client could not be created because the system is short of something: threads, memory.
    #[error(
        "can't create a Kafka client for now: {text}; see how many processes and threads the user may have"
    )]
    Resources {
        /// What librdkafka says.
        text: String,
    },
    /// A thread could not be started.
    #[error("can't start a thread for a Kafka client")]
    Thread(#[source] std::io::Error),
    /// The subscription was refused.
    #[error("can't subscribe to `{topics}`: {text}")]
    Subscribe {
        /// What was subscribed to.
        topics: String,
        /// What librdkafka says.
        text: String,
    },
    /// `start = "error"`, and there is a partition without a committed offset.
    #[error(
        "group `{group}` has no committed offset for {partition} and `start = \"error\"` forbids choosing one; \
         commit an offset for the group, or set `start` to \"earliest\" or \"latest\""
    )]
    NoCommittedOffset {
        /// The group.
        group: String,
        /// The first such partition.
        partition: TopicPartition,
    },
    /// Another process uses the same `group.instance.id`.
    #[error(
        "another member of group `{group}` uses the instance id `{instance}`; \
         give every process an `instance-id` of its own, or none"
    )]
    InstanceConflict {
        /// The group.
        group: String,
        /// The id.
        instance: String,
    },
    /// The broker still holds this `group.instance.id` for another member (KIP-848).
    #[error(
        "group `{group}` still holds the instance id `{instance}` for another member; if that was an earlier life of \
         this one, its session will run out, else give every process an `instance-id` of its own"
    )]
    InstanceHeld {
        /// The group.
        group: String,
        /// The id.
        instance: String,
    },
    /// The group takes no member, or not this one.
    #[error(
        "group `{group}` refuses this member: {text}; check the group's ACLs and `group.max.size`"
    )]
    GroupRefused {
        /// The group.
        group: String,
        /// What librdkafka says.
        text: String,
    },
    /// A client can't go on.
    #[error("the Kafka client can't go on: {text}")]
    Fatal {
        /// What librdkafka says.
        text: String,
    },
    /// The cluster's topics could not be read.
    #[error(
        "can't read the topics of {bootstrap}: {text}; {}",
        TroubleClass::of_connecting(text).remedy(text)
    )]
    Metadata {
        /// Whom was asked.
        bootstrap: String,
        /// What librdkafka says.
        text: String,
    },
    /// A topic could not be read.
    #[error("can't read from {bootstrap}: {text}")]
    Read {
        /// Whom was asked.
        bootstrap: String,
        /// What the broker or librdkafka says.
        text: String,
    },
    /// Messages could not be deleted.
    #[error("can't delete messages of {partition}: {text}")]
    Delete {
        /// Of which partition.
        partition: TopicPartition,
        /// What the broker says.
        text: String,
    },
    /// A group's offsets could not be read or committed.
    #[error("the offsets of group `{group}` can't be read or committed: {text}")]
    Offsets {
        /// The group.
        group: String,
        /// What the coordinator says.
        text: String,
    },
    /// A group has members, which alone may commit.
    #[error(
        "group `{group}` has members, so its offsets are theirs: stop every daemon that runs this handler \
         (or take the handler out of its configuration and `pelton reload`), then try again"
    )]
    GroupInUse {
        /// The group.
        group: String,
    },
    /// A topic could not be created.
    #[error("can't create topic `{topic}`: {text}")]
    CreateTopic {
        /// Which one.
        topic: String,
        /// What the broker says.
        text: String,
    },
    /// A topic's configuration could not be read.
    #[error("can't read the configuration of topic `{topic}`: {text}")]
    DescribeTopic {
        /// Which one.
        topic: String,
        /// What the broker says.
        text: String,
    },
    /// The embedded broker refused something.
    #[error("the embedded broker can't {action}: {text}")]
    Embedded {
        /// What it should have done.
        action: String,
        /// What it says.
        text: String,
    },
}

impl Error {
    /// Whether it is over by itself after a while, so that beginning anew is worth while.
    pub fn passes(&self) -> bool {
        matches!(
            self,
            Self::InstanceHeld { .. }
                | Self::GroupRefused { .. }
                | Self::Resources { .. }
                | Self::Thread(_)
        )
    }

    /// What keeps the client from the brokers, where it is that.
    pub fn trouble(&self) -> TroubleClass {
        match self {
            Self::Metadata { text, .. } => TroubleClass::of_connecting(text),
            _ => TroubleClass::Unreachable,
        }
    }
}
