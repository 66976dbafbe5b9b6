//! The toolchain of this machine builds the guests of this repository.

use std::{fs, path::Path};

use pelton_toolchain::{CargoOutput, Toolchain};

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn a_handler_becomes_a_wasm_file() {
    let folder = repository().join("tests/guests/passthrough");
    let file = Toolchain::find()
        .unwrap()
        .build(&folder, CargoOutput::Shown)
        .unwrap();
    assert!(
        fs::read(&file).unwrap().starts_with(b"\0asm"),
        "{}",
        file.display()
    );
    assert!(
        file.ends_with("wasm32-unknown-unknown/release/passthrough.wasm"),
        "{}",
        file.display()
    );
}

#[test]
fn a_library_that_makes_no_component_is_refused() {
    let folder = repository().join("plugins/sdk");
    let error = Toolchain::find()
        .unwrap()
        .build(&folder, CargoOutput::Kept)
        .unwrap_err();
    assert!(
        error.to_string().contains("crate-type = [\"cdylib\"]"),
        "{error:#}"
    );
}

#[test]
fn a_build_that_fails_says_why() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("Cargo.toml"), "[package]\nname = 5\n").unwrap();
    let error = Toolchain::find()
        .unwrap()
        .build(folder.path(), CargoOutput::Kept)
        .unwrap_err();
    assert!(
        error.to_string().contains("invalid type: integer `5`"),
        "{error:#}"
    );
}
