//! The file system of the image, made as the Containerfile says, without a container engine.
//!
//! What is not as an engine would have it: `debian:12.12-slim` is this machine's own system, with nothing kept of what
//! is written to it; and the release build is the program under test.

use std::{
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context, Result, bail, ensure};
use pelton_harness::paths;

use super::containerfile::{Settings, Stage, copied, stages};

/// Runs each of `$4…` in folder `$2` of this machine's system with a layer above it that is forgotten, and puts what
/// the layer then holds under `$3` to `$1`.
const LAYER: &str = r#"
set -eu
result=$1 folder=$2 wanted=$3
shift 3
layer=$(mktemp -d)
mount -t tmpfs layer "$layer"
mkdir "$layer/upper" "$layer/work" "$layer/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$layer/upper,workdir=$layer/work" "$layer/root"
mount -t proc proc "$layer/root/proc"
mount --rbind /dev "$layer/root/dev"
mkdir -p "$layer/root$folder"
for step in "$@"; do
    env DEBIAN_FRONTEND=noninteractive chroot "$layer/root" /bin/sh -c "cd '$folder' && $step"
done
cp -a "$layer/root$wanted" "$result"
umount -R "$layer"
rmdir "$layer"
"#;

/// An image as an engine has it.
#[derive(Debug)]
pub struct Image {
    /// Its root folder.
    pub root: PathBuf,
    /// What is done with it.
    pub settings: Settings,
}

/// The image of this test process, made by whoever asks first.
pub fn shared() -> Result<&'static Image> {
    static SHARED: OnceLock<Result<Image, String>> = OnceLock::new();
    let made = SHARED.get_or_init(|| made().map_err(|error| format!("{error:#}")));
    made.as_ref().map_err(|error| anyhow::anyhow!("{error}"))
}

fn made() -> Result<Image> {
    let file = paths::repository().join("config/Containerfile");
    let stages = stages(&fs::read_to_string(&file)?)?;
    let (last, before) = stages.split_last().context("no stage")?;
    ensure!(
        last.base == "scratch",
        "the image begins with {}",
        last.base
    );
    let root = paths::fresh_folder("image")?;
    let mut settings = Settings::default();
    for (keyword, rest) in &last.steps {
        if !settings.take(keyword, rest)? {
            copy(before, rest, &root)?;
        }
    }
    fs::create_dir_all(within(&root, &settings.folder))?;
    Ok(Image { root, settings })
}

/// A path of the image as this machine has it.
pub fn within(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// `COPY` out of a stage before.
fn copy(before: &[Stage], rest: &str, root: &Path) -> Result<()> {
    let (name, from, to) = copied(rest)?;
    let stage = before.iter().find(|stage| stage.name == name);
    let stage = stage.with_context(|| format!("no stage {name}"))?;
    if stage.base.starts_with("rust:") {
        let built = stage
            .steps
            .iter()
            .any(|(_, rest)| rest == "cargo build --locked --release --package pelton");
        ensure!(built, "{name} doesn't build the program");
        ensure!(from == "/src/target/release/pelton", "{from} is copied");
        let program = within(root, to);
        fs::create_dir_all(program.parent().context("no folder")?)?;
        let mut strip = Command::new("strip");
        strip.args(["--strip-debug", "-o"]).arg(&program);
        return done(strip.arg(paths::pelton()?));
    }
    ensure!(
        stage.base.starts_with("debian:12"),
        "{name}: {}",
        stage.base
    );
    ensure!(
        from.ends_with('/') && to == "/",
        "a folder, to the root: {rest}"
    );
    let content = layered(stage, from.trim_end_matches('/'))?;
    done(
        Command::new("cp")
            .arg("-a")
            .arg(content.join("."))
            .arg(root),
    )
}

/// What a stage has in a folder, once all of it was run. It is kept for as long as the stage says the same.
fn layered(stage: &Stage, wanted: &str) -> Result<PathBuf> {
    let mut folder = "/";
    let mut runs = Vec::new();
    for (keyword, rest) in &stage.steps {
        match keyword.as_str() {
            "WORKDIR" => folder = rest,
            "RUN" => runs.push(rest),
            _ => bail!("{keyword} of the stage {} is not known here", stage.name),
        }
    }
    let mut hasher = DefaultHasher::new();
    (LAYER, &stage.base, &stage.steps, wanted).hash(&mut hasher);
    let kept = paths::target().join(format!("container/{:016x}", hasher.finish()));
    if !kept.exists() {
        let unfinished = kept.with_extension(std::process::id().to_string());
        fs::create_dir_all(kept.parent().context("no folder")?)?;
        let mut layer = Command::new("unshare");
        layer.args(["--mount", "sh", "-c", LAYER, "layer"]);
        layer.arg(&unfinished).args([folder, wanted]).args(runs);
        done(&mut layer)?;
        fs::rename(&unfinished, &kept)?;
    }
    Ok(kept)
}

/// Runs a command to its end; an error says what it said.
pub fn done(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{words}",
        output.status
    );
    Ok(())
}
