//! `pelton compile`: the process that compiles one component for another process, and can't harm it.

use std::{
    env,
    io::{IsTerminal, stdin, stdout},
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
    time::Duration,
};

use anyhow::Context;
use pelton_engine::{Bounds, FRUGAL};

use crate::{args::CompileArgs, exit};

pub(crate) fn compile(args: &CompileArgs) -> anyhow::Result<ExitCode> {
    if stdin().is_terminal() || stdout().is_terminal() {
        return Ok(exit::refuse(
            exit::USAGE,
            "a component is read from standard input and machine code written to standard output, and neither is for a \
             terminal: pelton compile < handler.wasm > answer",
        ));
    }
    if env::var_os(FRUGAL.0).is_none() {
        // The daemon says it; by hand it has to be said before the program begins.
        let again = Command::new(env::current_exe()?)
            .args(env::args_os().skip(1))
            .env(FRUGAL.0, FRUGAL.1)
            .exec();
        return Err(again).context("the compiler can't be begun anew");
    }
    let bounds = Bounds {
        component_bytes: args.component_bytes,
        memory_bytes: args.memory_bytes,
        cpu: Duration::from_secs(args.cpu_seconds),
        parent: args.parent,
    };
    pelton_engine::serve(&bounds, stdin().lock(), stdout().lock())
        .context("the component can't be compiled")?;
    Ok(ExitCode::SUCCESS)
}
