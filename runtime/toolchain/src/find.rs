//! Which toolchain is at hand.

use std::{
    env, fmt,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Result, bail};

use crate::{TARGET, environment::command};

/// The oldest compiler that builds the SDK.
const OLDEST: (u32, u32) = (1, 95);
/// Debian's packages that make the second way possible; any linker of LLVM's would do.
pub(crate) const PACKAGES: &[&str] = &["rustc-web", "rust-web-src", "lld-19"];
/// Names under which LLVM's WebAssembly linker is installed, the one of [`PACKAGES`] first.
const LINKERS: &[&str] = &[
    "wasm-ld-19",
    "wasm-ld",
    "wasm-ld-22",
    "wasm-ld-21",
    "wasm-ld-20",
    "wasm-ld-18",
];
/// Where a distribution puts its compiler; rustup's, which comes earlier in `PATH`, is passed over.
const DISTRIBUTIONS_COMPILER: &str = "/usr/bin/rustc";

/// A toolchain that builds handlers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    pub(crate) way: Way,
}

/// How the standard library comes to the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The compiler in `PATH` has it.
    Installed,
    /// It is built from its source along with the handler, by this compiler and linker.
    Source { rustc: PathBuf, linker: PathBuf },
}

impl Toolchain {
    /// Finds what is installed, for the current folder (rustup may choose another compiler elsewhere).
    ///
    /// # Errors
    /// Nothing is; the text shows both ways to install it.
    pub fn find() -> Result<Self> {
        let here = env::current_dir()?;
        if target_is_installed(&here) {
            return Ok(Self {
                way: Way::Installed,
            });
        }
        match source_way() {
            Some(way) => Ok(Self { way }),
            None => bail!("{}", how_to_install()),
        }
    }
}

/// Which it is, for people.
impl fmt::Display for Toolchain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.way {
            Way::Installed => write!(f, "the Rust toolchain in PATH with its target {TARGET}"),
            Way::Source { rustc, linker } => write!(
                f,
                "{} and {}, building the standard library from source",
                rustc.display(),
                linker.display()
            ),
        }
    }
}

/// What to do where no toolchain is found.
pub(crate) fn how_to_install() -> String {
    format!(
        "no Rust toolchain for {TARGET} is installed; either\n  \
         rustup target add {TARGET}\n\
         or, on Debian and where rustup can't reach its servers, as root\n  \
         apt-get install -y --no-install-recommends {}",
        PACKAGES.join(" ")
    )
}

fn target_is_installed(folder: &Path) -> bool {
    let arguments = ["--print", "target-libdir", "--target", TARGET];
    printed(Path::new("rustc"), &arguments, folder)
        .is_some_and(|folder| Path::new(folder.trim()).is_dir())
}

fn source_way() -> Option<Way> {
    let (rustc, here) = (Path::new(DISTRIBUTIONS_COMPILER), Path::new("/"));
    let version = release(&printed(rustc, &["-vV"], here)?)?;
    let sysroot = printed(rustc, &["--print", "sysroot"], here)?;
    let library = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/std/Cargo.toml");
    if version < OLDEST || !library.is_file() {
        return None;
    }
    let linker = LINKERS.iter().find_map(|name| in_path(name))?;
    Some(Way::Source {
        rustc: rustc.to_owned(),
        linker,
    })
}

/// Major and minor version out of `rustc -vV`.
fn release(verbose_version: &str) -> Option<(u32, u32)> {
    let release = verbose_version
        .lines()
        .find_map(|line| line.strip_prefix("release: "))?;
    let mut numbers = release.split('.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??))
}

/// What a program prints, where it is there and succeeds.
fn printed(program: &Path, arguments: &[&str], folder: &Path) -> Option<String> {
    let output = command(program, folder)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A program's full path.
pub(crate) fn in_path(name: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_compilers_version_is_read() {
        let text = "rustc 1.96.0 (ac68faa20 2026-05-25)\nbinary: rustc\nrelease: 1.96.0-beta.1\nLLVM version: 19.1";
        assert_eq!(release(text), Some((1, 96)));
        assert_eq!(release("rustc 1.96.0"), None);
    }

    #[test]
    fn the_advice_names_both_ways() {
        let advice = how_to_install();
        assert!(
            advice.contains("rustup target add wasm32-unknown-unknown"),
            "{advice}"
        );
        assert!(
            advice.contains("apt-get install -y --no-install-recommends rustc-web"),
            "{advice}"
        );
    }
}
