//! The versions of Kafka that are tested with.

/// Which Kafka.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// The current major version, KRaft only.
    V4,
    /// The last of the third, which many users still run.
    V3_9,
}

impl Version {
    /// What the environment asks for: `PELTON_TEST_KAFKA=3.9`, else the current one.
    pub fn wanted() -> Self {
        match std::env::var("PELTON_TEST_KAFKA").as_deref() {
            Ok("3.9") => Self::V3_9,
            _ => Self::V4,
        }
    }

    /// Its folder under `target/kafka`, as `cargo xtask setup` names it.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::V4 => "4",
            Self::V3_9 => "3.9",
        }
    }

    /// The class of Kafka's tool for access rules.
    fn acl_tool(self) -> &'static str {
        match self {
            Self::V4 => "org.apache.kafka.tools.AclCommand",
            Self::V3_9 => "kafka.admin.AclCommand",
        }
    }

    /// The class behind a script of Kafka's `bin`.
    pub(super) fn tool(self, script: &str) -> Option<&'static str> {
        match script {
            "kafka-acls.sh" => Some(self.acl_tool()),
            "kafka-topics.sh" => Some("org.apache.kafka.tools.TopicCommand"),
            _ => None,
        }
    }
}
