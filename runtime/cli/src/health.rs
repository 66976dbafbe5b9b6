//! `pelton health`: whether a running daemon is ready, or lives, as an exit code.

use std::{process::ExitCode, time::Duration};

use crate::{
    args::HealthArgs,
    ask::{self, Patience},
    exit,
};

/// What HTTP calls fine.
const FINE: u16 = 200;

pub(crate) fn health(args: &HealthArgs) -> anyhow::Result<ExitCode> {
    let (path, ill) = match args.live {
        true => ("/livez", "not live:"),
        false => ("/readyz", "not ready:"),
    };
    let patience = Duration::from_secs(args.timeout);
    let (status, text) = ask::text(Patience::For(patience), &args.daemon, path)?;
    if status == FINE {
        print!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    // Docker and Kubernetes keep what a check says on either of its outputs.
    eprintln!("{ill}");
    text.lines().for_each(|line| eprintln!("  {line}"));
    Ok(ExitCode::from(exit::FAILED))
}
