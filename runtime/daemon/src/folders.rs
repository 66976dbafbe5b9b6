//! Folders that the supervisor gives.

use std::{env, ffi::OsString, path::PathBuf};

use pelton_config::Daemon;

/// Where the last good components are kept: where the configuration says, or else the supervisor.
pub(crate) fn state(daemon: &Daemon) -> Option<PathBuf> {
    let given = || given("STATE_DIRECTORY", |name| env::var_os(name));
    daemon.state_folder.clone().or_else(given)
}

/// The first of the folders that a variable names: systemd names all of a unit's, with colons between them.
pub(crate) fn given(name: &str, variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let first = env::split_paths(&variable(name)?).next()?;
    (!first.as_os_str().is_empty()).then_some(first)
}
