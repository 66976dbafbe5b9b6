//! `cargo xtask setup`: everything the tests need that a machine with Rust and a C compiler hasn't got.
//!
//! Invariant: what is there already costs one line and no network.

mod debian;
mod kafka;
mod python;
mod services;

use std::fs;

use anyhow::{Context, Result};

use crate::{guests, paths, shell};

/// Sets up all of it.
///
/// # Errors
/// When something is missing and can't be installed; the error says what to install by hand.
pub fn everything() -> Result<()> {
    guests::toolchain()?;
    debian::packages()?;
    kafka::jars()?;
    python::judges()?;
    kafkajs()
}

/// KafkaJS, as `tests/foreign/package-lock.json` pins it.
fn kafkajs() -> Result<()> {
    let folder = paths::root().join("tests/foreign");
    let lock = fs::read(folder.join("package-lock.json"))
        .context("can't read tests/foreign/package-lock.json")?;
    let stamp = folder.join("node_modules/.pelton-lock");
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        println!("kafkajs: there");
        return Ok(());
    }
    println!("kafkajs: installing from package-lock.json (some seconds)");
    let mut install = shell::command(
        "npm",
        &["ci", "--no-audit", "--no-fund", "--loglevel=error"],
    );
    install.current_dir(&folder);
    shell::run("npm", install, None)?;
    fs::write(&stamp, lock).with_context(|| format!("can't write {}", stamp.display()))
}
