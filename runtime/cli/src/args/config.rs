//! Which configuration file is meant.

use std::path::PathBuf;

use anyhow::Context;

#[derive(Clone, Debug, clap::Args)]
pub(crate) struct ConfigFile {
    /// The configuration file. Left out, pelton.toml in the current folder, or else /etc/pelton/pelton.toml.
    #[arg(short = 'c', long = "config", value_name = "FILE")]
    pub given: Option<PathBuf>,
}

impl ConfigFile {
    /// The file that was named, or the one that is there.
    pub(crate) fn path(&self) -> anyhow::Result<PathBuf> {
        match &self.given {
            Some(given) => Ok(given.clone()),
            None => pelton_config::find().context("name one by -c FILE"),
        }
    }
}
