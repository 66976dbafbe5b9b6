//! An image at work, as an engine has it: processes, mounts and a root folder of its own, which is read-only; the image's
//! user, environment and folder. Its network is this machine's.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use pelton_harness::{http, paths, process::Process, wait};

use super::image::{Image, done, within};

/// `$1` becomes the root; mounts follow as (what, where, ro or rw) up to `--`, then what is run in it, with processes of
/// its own within those of this: the kernel forgets whose end ends the container's first process when that becomes another
/// user, and here it is that of the processes around it.
const START: &str = r#"
set -eu
root=$1
shift
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
    mkdir -p "$root$2"
    mount --bind "$1" "$root$2"
    [ "$3" = rw ] || mount -o remount,bind,ro "$root$2"
    shift 3
done
shift
mkdir -p "$root/proc" "$root/dev"
mount -t tmpfs -o mode=755,nosuid dev "$root/dev"
for device in null zero random urandom; do
    : > "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -o remount,ro,nosuid "$root/dev"
mount -o remount,bind,ro "$root"
exec unshare --pid --fork --mount-proc="$root/proc" "$@"
"#;
/// What Docker and containerd give to who has none.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Something of this machine that is mounted into the container.
#[derive(Clone, Debug)]
pub struct Mount {
    /// What.
    pub what: PathBuf,
    /// Where, in the container.
    pub to: String,
    /// Whether the container may write to it.
    pub writable: bool,
}

/// A running container. Killed when dropped.
#[derive(Debug)]
pub struct Container {
    image: &'static Image,
    /// The process that waits for it, on this machine, and has its log.
    pub process: Process,
    /// The first process in it, as this machine counts.
    pub id: u32,
}

impl Container {
    /// Starts the image with what is mounted, and volumes for what else it writes to.
    pub fn start(image: &'static Image, name: &str, mounts: &[Mount]) -> Result<Self> {
        let folder = paths::fresh_folder(name)?;
        let mut mounts = mounts.to_vec();
        for path in &image.settings.volumes {
            if mounts.iter().all(|mount| mount.to != *path) {
                mounts.push(volume(image, &folder.join("volumes"), path)?);
            }
        }
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--ipc", "--fork", "--kill-child"]);
        command.args(["sh", "-c", START, "start"]).arg(&image.root);
        for Mount { what, to, writable } in &mounts {
            let rights = if *writable { "rw" } else { "ro" };
            command.arg(what).args([to, rights]);
        }
        let settings = &image.settings;
        command.args(["--", "env", "-i", PATH]);
        command.args(environment(image));
        command.args(["setpriv", "--no-new-privs", "unshare", "--root"]);
        command.arg(&image.root).args(["--wd", &settings.folder]);
        command.args(identity(image)).arg("--");
        command.args(&settings.program).args(&settings.arguments);
        let mut process = Process::spawn(name, command, &folder, None)?;
        let id = first_in(&mut process)?;
        Ok(Self { image, process, id })
    }

    /// Runs the image's health check, as an engine does: in the container, as its user, with its environment.
    pub fn health(&self) -> Result<Output> {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.id.to_string()]);
        command.args(["--mount", "--pid", "--ipc", "--root", "--wd"]);
        command.args(identity(self.image));
        command.arg("--").args(&self.image.settings.health);
        command.env_clear().env("PATH", &PATH[5..]);
        command.envs(self.image.settings.environment.iter().cloned());
        Ok(command.output()?)
    }

    /// Waits until `/readyz` at this address answers 200.
    pub fn wait_ready(&mut self, admin: &str, limit: Duration) -> Result<()> {
        wait::until_true("the container to be ready", limit, || {
            let ended = self.process.exited()?;
            ensure!(ended.is_none(), "it has ended ({ended:?})");
            let answer = http::get(admin, "/readyz");
            Ok(answer.is_ok_and(|answer| answer.status == 200))
        })
        .with_context(|| self.process.tail(30))
    }

    /// What the kernel tells of its first process.
    pub fn told(&self, file: &str) -> Result<String> {
        Ok(fs::read_to_string(format!("/proc/{}/{file}", self.id))?)
    }

    /// Stops it as an engine does, and its exit code.
    pub fn stop(&mut self, limit: Duration) -> Result<i32> {
        let signal = &self.image.settings.stop;
        done(Command::new("kill").args(["-s", signal, &self.id.to_string()]))?;
        let code = self.process.wait_exit(limit)?.code();
        code.with_context(|| format!("it was ended by a signal\n{}", self.process.tail(30)))
    }
}

fn environment(image: &Image) -> impl Iterator<Item = String> {
    let pairs = image.settings.environment.iter();
    pairs.map(|(name, value)| format!("{name}={value}"))
}

fn identity(image: &Image) -> [String; 4] {
    let (user, group) = image.settings.user;
    let (user, group) = (user.to_string(), group.to_string());
    ["--setuid".to_owned(), user, "--setgid".to_owned(), group]
}

/// A volume begins with what the image has there, and whose it is there.
fn volume(image: &Image, folder: &std::path::Path, path: &str) -> Result<Mount> {
    fs::create_dir_all(folder)?;
    let what = folder.join(path.trim_start_matches('/').replace('/', "-"));
    done(
        Command::new("cp")
            .arg("-a")
            .arg(within(&image.root, path))
            .arg(&what),
    )?;
    Ok(Mount {
        what,
        to: path.to_owned(),
        writable: true,
    })
}

/// The process that is number 1 in the container, once it is the program and no longer what starts that.
fn first_in(process: &mut Process) -> Result<u32> {
    wait::until("the container's process", Duration::from_secs(30), || {
        let ended = process.exited()?;
        ensure!(
            ended.is_none(),
            "it has ended ({ended:?}):\n{}",
            process.tail(30)
        );
        let mut below = child(process.id());
        while let Some(id) = below {
            let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
            if name.trim() == "pelton" {
                return Ok(Some(id));
            }
            below = child(id);
        }
        Ok(None)
    })
}

/// The first child of a process, if that is still there and has one.
fn child(id: u32) -> Option<u32> {
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}
