//! `pelton new`: a new handler's project.

use std::{path::Path, process::ExitCode};

use pelton_toolchain::{create, find_sdk, wrong_name};

use crate::{args::NewArgs, exit};

pub(crate) fn new(args: &NewArgs) -> anyhow::Result<ExitCode> {
    let name = &args.name;
    if let Some(wrong) = wrong_name(name) {
        return Ok(exit::refuse(exit::USAGE, wrong));
    }
    let sdk = find_sdk(args.sdk.as_deref())?;
    create(Path::new(""), name, &sdk)?;
    println!(
        "made the handler {name}, with Pelton's SDK from {}\n\n  cd {name}\n  pelton build    # makes its component\n  pelton test     # gives it the messages of fixtures/\n  pelton dev      # runs it on a broker inside the process\n\nREADME.md says what it does; src/lib.rs is where to begin.",
        sdk.display()
    );
    Ok(ExitCode::SUCCESS)
}
