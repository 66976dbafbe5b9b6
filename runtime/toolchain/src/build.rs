//! Building handlers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{Component, TARGET, Toolchain, artifact::components, environment::command, find::Way};

/// What becomes of what cargo says while it builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CargoOutput {
    /// It goes to this process's standard error as it comes.
    Shown,
    /// It is kept, and becomes part of the error if the build fails.
    Kept,
}

impl Toolchain {
    /// Builds the handler in a folder, in the folder's own (or its workspace's) `target`. Returns the file.
    ///
    /// # Errors
    /// Cargo fails, or the folder's package makes no `.wasm` file.
    pub fn build(&self, folder: &Path, output: CargoOutput) -> Result<PathBuf> {
        let folder = fs::canonicalize(folder)
            .with_context(|| format!("there is no folder {}", folder.display()))?;
        let built = self.run(&folder, &[], output)?;
        let own = built
            .into_iter()
            .find(|component| same(&component.folder, &folder));
        own.map(|component| component.path).with_context(|| {
            format!(
                "{} makes no .wasm file: its Cargo.toml needs `crate-type = [\"cdylib\"]` under [lib]",
                folder.display()
            )
        })
    }

    /// Builds all handlers of the workspace in a folder.
    ///
    /// # Errors
    /// Cargo fails.
    pub fn build_workspace(&self, folder: &Path, output: CargoOutput) -> Result<Vec<Component>> {
        self.run(folder, &["--workspace"], output)
    }

    fn run(
        &self,
        folder: &Path,
        arguments: &[&str],
        output: CargoOutput,
    ) -> Result<Vec<Component>> {
        let mut cargo = self.cargo(folder);
        cargo.args([
            "build",
            "--release",
            "--target",
            TARGET,
            "--message-format=json-render-diagnostics",
        ]);
        cargo
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(match output {
                CargoOutput::Shown => Stdio::inherit(),
                CargoOutput::Kept => Stdio::piped(),
            });
        let child = cargo
            .spawn()
            .context("could not start cargo: is Rust installed, and in PATH?")?;
        let done = child
            .wait_with_output()
            .context("could not wait for cargo")?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            bail!(
                "cargo could not build {} ({})\n{}",
                folder.display(),
                done.status,
                said.trim_end()
            );
        }
        Ok(components(&String::from_utf8_lossy(&done.stdout)))
    }

    /// `cargo` in a folder, set up for this toolchain but for its arguments.
    fn cargo(&self, folder: &Path) -> Command {
        let mut cargo = command("cargo", folder);
        if let Way::Source { rustc, linker } = &self.way {
            cargo.args(["-Z", "build-std=std,panic_abort"]);
            // Building the standard library is not a stable feature of a released compiler; this opens it.
            cargo.env("RUSTC", rustc).env("RUSTC_BOOTSTRAP", "1");
            cargo.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
        }
        cargo
    }
}

fn same(one: &Path, other: &Path) -> bool {
    fs::canonicalize(one).is_ok_and(|one| one == other)
}
