//! `pelton build`: a handler's source folder becomes a component.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

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
    let places = match &args.output {
        Some(output) => vec![output.clone()],
        None => configured(&args.folder),
    };
    for component in &places {
        place(&built, component)?;
        println!("{}", component.display());
    }
    if places.is_empty() {
        println!("{}", built.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the pelton.toml beside the source wants the component. One that can't be used is told of and passed over:
/// what it lacks, such as a secret of the environment, may be nothing to a build.
fn configured(folder: &Path) -> Vec<PathBuf> {
    let file = folder.join("pelton.toml");
    if !file.exists() {
        return Vec::new();
    }
    let config = match pelton_config::load(&file) {
        Ok(config) => config,
        Err(why) => {
            eprintln!("{why}\nthe component is left where cargo puts it");
            return Vec::new();
        }
    };
    let here = fs::canonicalize(folder).ok();
    let mut places: Vec<PathBuf> = config
        .handlers
        .into_values()
        .filter(|handler| {
            let source = handler.source.as_deref().map(fs::canonicalize);
            here.is_some() && source.and_then(Result::ok) == here
        })
        .map(|handler| handler.component.path)
        .collect();
    places.dedup();
    places
}
