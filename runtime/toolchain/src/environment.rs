//! The environment of the programs that are started here.

use std::{env, ffi::OsStr, path::Path, process::Command};

/// A program in a folder, without what an outer cargo or rustup says about a build of its own.
pub(crate) fn command(program: impl AsRef<OsStr>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    let within_cargo = env::var_os("CARGO").is_some();
    for (name, _) in env::vars_os() {
        let drop = name.to_str().is_some_and(|name| {
            // cargo points the loader at the host toolchain's libraries, for tests and `cargo run`.
            is_of_an_outer_build(name) || within_cargo && name == "LD_LIBRARY_PATH"
        });
        if drop {
            command.env_remove(name);
        }
    }
    command
}

/// Whether a variable belongs to the build that this process is part of, or to the host's compiler only.
/// What a user configures cargo with (home, network, registries, terminal, target folder) does not.
fn is_of_an_outer_build(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "CARGO",
        "CARGO_BIN_NAME",
        "CARGO_BUILD_RUSTC",
        "CARGO_BUILD_RUSTFLAGS",
        "CARGO_BUILD_TARGET",
        "CARGO_CRATE_NAME",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_MAKEFLAGS",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "MAKEFLAGS",
        "MFLAGS",
        "RUSTC",
        "RUSTC_BOOTSTRAP",
        "RUSTC_LINKER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTDOC",
        "RUSTDOCFLAGS",
        "RUSTFLAGS",
        "RUSTUP_TOOLCHAIN",
        "RUST_RECURSION_COUNT",
    ];
    const PREFIXES: &[&str] = &[
        "CARGO_BIN_EXE_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_MANIFEST_",
        "CARGO_PKG_",
    ];
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_outer_cargo_sets_is_dropped_and_what_a_user_sets_is_kept() {
        for name in [
            "CARGO",
            "CARGO_PKG_NAME",
            "CARGO_MANIFEST_DIR",
            "RUSTUP_TOOLCHAIN",
            "RUSTC",
            "RUSTFLAGS",
        ] {
            assert!(is_of_an_outer_build(name), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "CARGO_NET_OFFLINE",
            "RUSTUP_HOME",
            "RUSTC_WRAPPER",
            "PATH",
        ] {
            assert!(!is_of_an_outer_build(name), "{name}");
        }
    }
}
