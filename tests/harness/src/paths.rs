//! Where things are: the repository, what `cargo xtask setup` has put into `target`, and a folder for each test.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context, Result, ensure};

/// The repository's root.
pub fn repository() -> PathBuf {
    let room = Path::new(env!("CARGO_MANIFEST_DIR"));
    room.ancestors().nth(2).unwrap_or(room).to_path_buf()
}

/// The shared `target` folder.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

/// The `pelton` program under test: `PELTON_BIN`, else the one of the dev profile.
pub fn pelton() -> Result<PathBuf> {
    let path =
        env::var_os("PELTON_BIN").map_or_else(|| target().join("debug/pelton"), PathBuf::from);
    ensure!(
        path.is_file(),
        "no program at {}: run `cargo build -p pelton` first",
        path.display()
    );
    Ok(path)
}

/// The component of a guest, as `cargo xtask guests` leaves it.
pub fn guest(name: &str) -> Result<PathBuf> {
    let path = target().join("guests").join(format!("{name}.wasm"));
    ensure!(
        path.is_file(),
        "no component at {}: run `cargo xtask guests` first",
        path.display()
    );
    Ok(path)
}

/// An empty folder for one part of one test, `target/harness/<suite>-<pid>/<name>-<n>`.
/// It is left in place: after a failure it holds the logs.
pub fn fresh_folder(name: &str) -> Result<PathBuf> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = suite_folder().join(format!("{name}-{count}"));
    fs::create_dir_all(&path).with_context(|| format!("can't create {}", path.display()))?;
    Ok(path)
}

/// Where a life of a daemon records what dispatch does: `target/recordings/<suite>-<pid>/<name>-<n>/<life>`.
pub fn recordings(folder: &Path, life: u32) -> PathBuf {
    let own = folder
        .strip_prefix(target().join("harness"))
        .unwrap_or(folder);
    target().join("recordings").join(own).join(life.to_string())
}

/// This test process's folder.
fn suite_folder() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let stem = program
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    // Cargo names the program `<suite>-<hash>`.
    let suite = stem
        .rsplit_once('-')
        .map_or(stem.as_str(), |(suite, _)| suite);
    target()
        .join("harness")
        .join(format!("{suite}-{}", std::process::id()))
}
