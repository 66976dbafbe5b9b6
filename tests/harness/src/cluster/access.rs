//! Who may do what, by Kafka's own tool.

use anyhow::Result;

use super::TestCluster;

impl TestCluster {
    /// Forbids everybody to write to a topic; everything else stays allowed.
    ///
    /// # Errors
    /// When Kafka's own tool fails.
    pub fn forbid_writing(&self, topic: &str) -> Result<()> {
        self.forbid("Write", topic)
    }

    /// Forbids everybody to read a topic, which includes committing offsets for it.
    ///
    /// # Errors
    /// When Kafka's own tool fails.
    pub fn forbid_reading(&self, topic: &str) -> Result<()> {
        self.forbid("Read", topic)
    }

    /// Takes back [`TestCluster::forbid_writing`] and [`TestCluster::forbid_reading`].
    ///
    /// # Errors
    /// When Kafka's own tool fails.
    pub fn allow_all(&self, topic: &str) -> Result<()> {
        self.acl(&["--remove", "--force", "--topic", topic])
    }

    /// Closes a topic to everybody but those who come by the open listener, as the tests' own clients do.
    ///
    /// # Errors
    /// When Kafka's own tool fails.
    pub fn close(&self, topic: &str) -> Result<()> {
        self.allow("ANONYMOUS", topic)
    }

    /// Allows a user everything with a topic.
    ///
    /// # Errors
    /// When Kafka's own tool fails.
    pub fn allow(&self, user: &str, topic: &str) -> Result<()> {
        self.allowance(&["--add"], user, topic)
    }

    /// Takes back [`TestCluster::allow`].
    ///
    /// # Errors
    /// When Kafka's own tool fails.
    pub fn deny(&self, user: &str, topic: &str) -> Result<()> {
        self.allowance(&["--remove", "--force"], user, topic)
    }

    fn allowance(&self, what: &[&str], user: &str, topic: &str) -> Result<()> {
        let user = format!("User:{user}");
        let rule = ["--allow-principal", &user, "--operation", "All"];
        self.acl(&[what, &rule, &["--topic", topic]].concat())
    }

    fn forbid(&self, operation: &str, topic: &str) -> Result<()> {
        // A topic with any rule is closed to what no rule allows, so everything has to be allowed first.
        let everybody = |rule: &str, operation: &str| {
            self.acl(&[
                "--add",
                rule,
                "User:*",
                "--operation",
                operation,
                "--topic",
                topic,
            ])
        };
        everybody("--allow-principal", "All")?;
        everybody("--deny-principal", operation)
    }

    /// Runs Kafka's tool for access rules, as somebody would who comes by the open listener.
    fn acl(&self, arguments: &[&str]) -> Result<()> {
        let arguments = [&["--bootstrap-server", self.bootstrap()], arguments].concat();
        self.tool("kafka-acls.sh", &arguments)
    }
}
