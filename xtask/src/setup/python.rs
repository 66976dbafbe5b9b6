//! Judges that are written in Python, as `tests/tools/requirements.txt` pins them by content, in `target/python`.

use std::fs;

use anyhow::{Context, Result};

use crate::{paths, shell};

/// Installs them, unless those of this list are there. The list is copied beside them at the end: so a changed list, or
/// an installation that was interrupted, is installed anew.
///
/// # Errors
/// When pip fails.
pub fn judges() -> Result<()> {
    let list = paths::root().join("tests/tools/requirements.txt");
    let wanted = fs::read(&list).with_context(|| format!("can't read {}", list.display()))?;
    let folder = paths::target().join("python");
    let stamp = folder.join("requirements.txt");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        println!("python's judges: there");
        return Ok(());
    }
    println!(
        "python's judges: installing from tests/tools/requirements.txt (90 MB, half a minute)"
    );
    let mut make = shell::command("python3", &["-m", "venv", "--clear"]);
    make.arg(&folder);
    shell::run("venv", make, None)?;
    let pip = folder.join("bin/pip").display().to_string();
    let arguments = [
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
        "--require-hashes",
        "-r",
    ];
    let mut install = shell::command(&pip, &arguments);
    install.arg(&list);
    shell::run("pip", install, None)?;
    fs::write(&stamp, wanted).with_context(|| format!("can't write {}", stamp.display()))
}
