//! Tasks that build a program and then become it: so its exit code is theirs, and Ctrl-C reaches it alone.

use std::{ffi::OsString, os::unix::process::CommandExt, path::Path, process::Command};

use anyhow::{Context, Result};

/// Whether nothing but the program's help is wanted.
pub fn asks_for_help(arguments: &[OsString]) -> bool {
    arguments.iter().any(|one| one == "--help" || one == "-h")
}

/// Becomes the program, with this in its environment. Returns only where it can't be started.
///
/// # Errors
/// It can't be started.
pub fn become_program(
    program: &Path,
    arguments: &[OsString],
    environment: &[(&str, &Path)],
) -> Result<()> {
    let mut command = Command::new(program);
    command.args(arguments).envs(environment.iter().copied());
    Err(command.exec()).with_context(|| format!("can't start {}", program.display()))
}
