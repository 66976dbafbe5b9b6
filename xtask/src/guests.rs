//! The guests: the SDK, the examples, and the components that the tests run.

use std::{
    env, fs,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use pelton_toolchain::{CargoOutput, Toolchain, place};

use crate::{
    paths,
    shell::{self, Tally},
    suites,
};

/// The target whose standard library asks the host for what others ask an operating system. `rustup` alone has it.
const WASIP2: &str = "wasm32-wasip2";
/// The guest that is built for it.
const STANDARD: &str = "standard";

/// Finds the toolchain that builds guests, or installs it, and adds the target for the one guest that needs another.
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
    if !has_wasip2() {
        println!("guest toolchain: rustup target add {WASIP2}");
        let added = shell::output(shell::command("rustup", &["target", "add", WASIP2]));
        if let Err(why) = added {
            println!(
                "guest toolchain: {why:#}; the guest {STANDARD} can't be built, and the suite wasip2 is not run"
            );
        }
    }
    Ok(())
}

/// Whether there is a standard library for that guest.
pub fn has_wasip2() -> bool {
    let arguments = ["--print", "target-libdir", "--target", WASIP2];
    shell::output(shell::command("rustc", &arguments))
        .is_ok_and(|folder| Path::new(folder.trim()).is_dir())
}

/// Builds the one guest that is a program of WASI's, into `target/guests/standard_wasip2.wasm`.
fn build_wasip2() -> Result<()> {
    let placed = paths::target().join(format!("guests/{STANDARD}_wasip2.wasm"));
    if !has_wasip2() {
        println!("guests: no {STANDARD}_wasip2 without `rustup target add {WASIP2}`");
        // One of another day would show what the sources don't say.
        return match fs::remove_file(&placed) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        };
    }
    let arguments = [
        "build",
        "--release",
        "--manifest-path",
        "plugins/Cargo.toml",
        "--package",
        STANDARD,
        "--target",
        WASIP2,
    ];
    shell::run("the guests", shell::command("cargo", &arguments), None)?;
    let folder = env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| paths::root().join("plugins/target"), PathBuf::from);
    let built = folder.join(format!("{WASIP2}/release/{STANDARD}.wasm"));
    place(&built, &placed).map(drop)
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
    build_wasip2()?;
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

/// As [`build_all`], but once in a run: suites that run beside each other load what stands there.
///
/// # Errors
/// As [`build_all`].
pub fn build_once() -> Result<()> {
    static BUILT: Mutex<bool> = Mutex::new(false);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if !*built {
        build_all()?;
        *built = true;
    }
    Ok(())
}

/// What CI does with them: built, judged by clippy, and tested on the host as their authors test them.
///
/// # Errors
/// When one of these fails.
pub fn check(deadline: Instant) -> (Tally, Result<()>) {
    if let Err(error) = build_once() {
        return (Tally::default(), Err(error));
    }
    let lines = &[
        "cargo clippy --manifest-path plugins/Cargo.toml --workspace --all-targets --locked -- -D warnings",
        "cargo test --manifest-path plugins/Cargo.toml --workspace --locked",
    ];
    suites::commands("guests", lines, &[], deadline)
}
