//! `pelton build`: a handler's source folder becomes a component.

use std::process::ExitCode;

use anyhow::Context;
use pelton_toolchain::{CargoOutput, Toolchain, place};

use crate::args::BuildArgs;

pub(crate) fn build(args: &BuildArgs) -> anyhow::Result<ExitCode> {
    let toolchain = if args.install {
        Toolchain::install(&mut |line| eprintln!("{line}"))?
    } else {
        Toolchain::find().context("run `pelton build --install` to have it installed")?
    };
    let built = toolchain.build(&args.folder, CargoOutput::Shown)?;
    let component = match &args.output {
        Some(output) => {
            place(&built, output)?;
            output
        }
        None => &built,
    };
    println!("{}", component.display());
    Ok(ExitCode::SUCCESS)
}
