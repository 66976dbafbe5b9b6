//! Where a program runs: which topics, which group, which work.

use anyhow::Result;
use pelton_harness::TestCluster;

use crate::options::Work;

/// Files of a deleted topic would fill the disk for another minute.
const GOES_AT_ONCE: [(&str, &str); 2] = [("file.delete.delay.ms", "1000"), ("retention.ms", "-1")];

/// See the module.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    pub cluster: &'a TestCluster,
    pub input: &'a str,
    /// The output topic, the group and the handler.
    pub name: String,
    pub partitions: i32,
    pub work: Work,
}

impl Place<'_> {
    /// Creates the topics that are the program's own.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn prepare(&self) -> Result<()> {
        create(self.cluster, &self.name, self.partitions)?;
        create(self.cluster, &self.dead_letter(), 1)
    }

    /// Deletes them.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn clear(&self) -> Result<()> {
        let client = self.cluster.client()?;
        client.delete_topic(&self.name)?;
        client.delete_topic(&self.dead_letter())
    }

    /// Where Pelton puts what it can't handle.
    fn dead_letter(&self) -> String {
        format!("{}.dead-letter", self.name)
    }
}

/// Creates a topic whose files are gone soon after it.
///
/// # Errors
/// When the broker refuses.
pub fn create(cluster: &TestCluster, name: &str, partitions: i32) -> Result<()> {
    cluster.create_topic_named(name, partitions, &GOES_AT_ONCE)
}
