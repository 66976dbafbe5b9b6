//! Exit codes: 0 fine, 1 failed at run time, 2 usage (clap's), 78 configuration (sysexits' EX_CONFIG).

use std::process::ExitCode;

use pelton_config::Config;

use crate::args::ConfigFile;

/// Failed at run time.
pub(crate) const FAILED: u8 = 1;
/// The command line asks for something that isn't there (clap's code for what it can't read).
pub(crate) const USAGE: u8 = 2;
/// The configuration is wrong.
pub(crate) const CONFIGURATION: u8 = 78;

/// Says what went wrong, with its whole chain, and gives the exit code for it.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(wrong) = error.downcast_ref::<pelton_config::Error>() {
        // It stands by itself: file, line, column and what to do.
        eprintln!("{wrong}");
        let mut causes =
            std::iter::successors(std::error::Error::source(wrong), |cause| cause.source());
        causes.by_ref().for_each(|cause| eprintln!("  {cause}"));
        // What it was wanted for, and what else can be done.
        let is_wrong =
            |cause: &&(dyn std::error::Error + 'static)| cause.is::<pelton_config::Error>();
        let around: Vec<_> = error.chain().take_while(|cause| !is_wrong(cause)).collect();
        around.iter().rev().for_each(|cause| eprintln!("{cause}"));
        return ExitCode::from(CONFIGURATION);
    }
    if let Some(wrong) = error.downcast_ref::<pelton_fixtures::Error>() {
        // So does a fixture's.
        eprintln!("{wrong}");
        return ExitCode::from(FAILED);
    }
    eprintln!("error: {error:#}");
    ExitCode::from(FAILED)
}

/// Ends with this code after saying why.
pub(crate) fn refuse(code: u8, why: impl std::fmt::Display) -> ExitCode {
    eprintln!("error: {why}");
    ExitCode::from(code)
}

/// Reads a configuration file.
pub(crate) fn load(file: &ConfigFile) -> anyhow::Result<Config> {
    Ok(pelton_config::load(&file.path()?)?)
}
