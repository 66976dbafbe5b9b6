//! Installing a toolchain where there is none.

use std::{fs, path::Path, process::Stdio};

use anyhow::{Context, Result, bail};

use crate::{
    TARGET, Toolchain,
    environment::command,
    find::{PACKAGES, how_to_install, in_path},
};

impl Toolchain {
    /// Finds a toolchain, or installs one. `progress` is called with each line of what goes on, and with what
    /// takes long before it does.
    ///
    /// # Errors
    /// Neither way is possible here; the text says what failed and shows both.
    pub fn install(progress: &mut dyn FnMut(&str)) -> Result<Self> {
        if let Ok(found) = Self::find() {
            return Ok(found);
        }
        let mut failures = Vec::new();
        for way in [add_target, install_packages] {
            match way(progress).and_then(|()| Self::find()) {
                Ok(found) => return Ok(found),
                Err(error) => {
                    progress(&format!("{error:#}"));
                    failures.push(format!("{error:#}"));
                }
            }
        }
        bail!("{}\n({})", how_to_install(), failures.join("; "))
    }
}

fn add_target(progress: &mut dyn FnMut(&str)) -> Result<()> {
    let rustup = in_path("rustup").context("rustup is not installed")?;
    run(rustup.as_path(), &["target", "add", TARGET], progress)
}

fn install_packages(progress: &mut dyn FnMut(&str)) -> Result<()> {
    let apt = in_path("apt-get").context("this is no Debian: there is no apt-get")?;
    if !is_root() {
        bail!("packages can only be installed by root");
    }
    progress(
        "installing Debian's Rust compiler with its library's source: about 900 MB, 15 seconds and the download",
    );
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(PACKAGES);
    if run(&apt, &install, progress).is_ok() {
        return Ok(());
    }
    // A machine that was just made has no list of packages.
    run(&apt, &["update"], progress)?;
    run(&apt, &install, progress)
}

fn run(program: &Path, arguments: &[&str], progress: &mut dyn FnMut(&str)) -> Result<()> {
    let line = format!(
        "{} {}",
        program.file_name().unwrap_or_default().display(),
        arguments.join(" ")
    );
    progress(&line);
    let output = command(program, Path::new("."))
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("could not start `{line}`"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("it said nothing");
    bail!("`{line}` failed: {last}")
}

/// Whether this process runs as root: whether its own entry in `/proc` belongs to root.
fn is_root() -> bool {
    #[cfg(unix)]
    return fs::metadata("/proc/self")
        .is_ok_and(|entry| std::os::unix::fs::MetadataExt::uid(&entry) == 0);
    #[cfg(not(unix))]
    return false;
}
