//! `pelton compile`: the process that compiles one component for another process, and can't harm it.

use std::{
    io::{IsTerminal, stdin, stdout},
    process::ExitCode,
    time::Duration,
};

use anyhow::Context;
use pelton_engine::Bounds;

use crate::{args::CompileArgs, exit};

pub(crate) fn compile(args: &CompileArgs) -> anyhow::Result<ExitCode> {
    if stdin().is_terminal() || stdout().is_terminal() {
        return Ok(exit::refuse(
            exit::USAGE,
            "a component is read from standard input and machine code written to standard output, and neither is for a \
             terminal: pelton compile < handler.wasm > answer",
        ));
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
