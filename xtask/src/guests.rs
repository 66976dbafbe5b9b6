//! The guests: the SDK, the examples, and the components that the tests run.

use std::{fs, time::Instant};

use anyhow::{Context, Result, ensure};
use pelton_toolchain::{CargoOutput, Toolchain, place};

use crate::{
    paths,
    shell::{self, Tally},
    suites,
};

/// Finds the toolchain that builds guests, or installs it.
///
/// # Errors
/// When neither is possible; the error says both ways to install it by hand.
pub fn toolchain() -> Result<()> {
    let found = Toolchain::find();
    let toolchain = match found {
        Ok(toolchain) => toolchain,
        Err(_) => Toolchain::install(&mut |line| println!("guest toolchain: {line}"))?,
    };
    println!("guest toolchain: {toolchain}");
    Ok(())
}

/// Builds every guest of the workspace in `plugins` and puts it into `target/guests/NAME.wasm`,
/// where NAME is its library's.
///
/// # Errors
/// When one doesn't build.
pub fn build_all() -> Result<()> {
    println!(
        "guests: building (a minute longer the first time, where the standard library is built along)"
    );
    let built = shell::while_telling("the guests", || {
        Toolchain::find()?.build_workspace(&paths::root().join("plugins"), CargoOutput::Shown)
    })?;
    let folder = paths::target().join("guests");
    fs::create_dir_all(&folder).with_context(|| format!("can't create {}", folder.display()))?;
    for component in &built {
        place(
            &component.path,
            &folder.join(format!("{}.wasm", component.name)),
        )?;
    }
    ensure!(
        !built.is_empty(),
        "the workspace in plugins made no component"
    );
    let names: Vec<&str> = built
        .iter()
        .map(|component| component.name.as_str())
        .collect();
    println!("guests: {} in {}", names.join(", "), folder.display());
    Ok(())
}

/// What CI does with them: built, judged by clippy, and tested on the host as their authors test them.
///
/// # Errors
/// When one of these fails.
pub fn check(deadline: Instant) -> (Tally, Result<()>) {
    if let Err(error) = build_all() {
        return (Tally::default(), Err(error));
    }
    let lines = &[
        "cargo clippy --manifest-path plugins/Cargo.toml --workspace --all-targets --locked -- -D warnings",
        "cargo test --manifest-path plugins/Cargo.toml --workspace --locked",
    ];
    suites::commands("guests", lines, &[], deadline)
}
