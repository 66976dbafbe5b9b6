//! A machine to install packages on: this machine's own system with a layer above it that is forgotten, with processes of
//! its own, and with something in systemd's place that starts and stops what the unit says.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Result, ensure};
use pelton_harness::{paths, process::Process};

/// Layers `$1` above this system at `$1/root`, with `$2` at `/packages`, and waits there: the first process takes care of
/// whoever has lost its parent.
const BOOT: &str = r#"
set -eu
mount -t tmpfs layer "$1"
root=$1/root
mkdir "$1/upper" "$1/work" "$root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mkdir -p "$root/packages" "$root/run/systemd/system"
mount --bind "$2" "$root/packages"
install -m 755 "$2/systemctl" "$root/usr/local/bin/systemctl"
exec chroot "$root" sh -c 'echo up; sleep infinity & wait'
"#;

/// In systemd's place: what the package's scripts and an operator ask it for, done as the unit says. A restart is what
/// systemd makes of it: SIGTERM, the end awaited, the start. A user is made for the daemon while it runs.
const SYSTEMCTL: &str = r#"#!/bin/sh
set -eu
unit=/usr/lib/systemd/system/pelton.service
id=/run/pelton.id
echo "$*" >> /packages/asked.log
start() {
    [ ! -e $id ] || return 0
    install -d -o 61234 -g 61234 -m 700 /var/cache/pelton /var/lib/pelton
    export CACHE_DIRECTORY=/var/cache/pelton STATE_DIRECTORY=/var/lib/pelton
    setpriv --reuid 61234 --regid 61234 --clear-groups --no-new-privs \
        $(sed -n 's/^ExecStart=//p' $unit) >> /packages/pelton.log 2>&1 < /dev/null &
    echo $! > $id
}
stop() {
    [ -e $id ] || return 0
    kill -TERM "$(cat $id)"
    while [ -e "/proc/$(cat $id)" ]; do sleep 0.05; done
    rm $id
}
case "$*" in
--version) echo "systemd 252 (252.38-1~deb12u1)" ;;
daemon-reload) ;;
"try-restart pelton.service") [ ! -e $id ] || { stop; start; } ;;
"enable --now pelton.service") start ;;
"disable --now pelton.service") stop ;;
*) echo "systemctl $* is not known here" >&2; exit 1 ;;
esac
"#;

/// A machine of its own. Gone when dropped, with all that runs on it.
#[derive(Debug)]
pub struct Machine {
    process: Process,
    /// At `/packages` there.
    pub shared: PathBuf,
}

impl Machine {
    /// Boots it.
    pub fn boot() -> Result<Self> {
        let folder = paths::fresh_folder("machine")?;
        let shared = paths::fresh_folder("packages")?;
        fs::write(shared.join("systemctl"), SYSTEMCTL)?;
        let layer = folder.join("layer");
        fs::create_dir(&layer)?;
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork", "--kill-child"]);
        command
            .args(["sh", "-c", BOOT, "boot"])
            .arg(layer)
            .arg(&shared);
        let mut process = Process::spawn("machine", command, &folder, None)?;
        process.wait_for_log_times("up", 1, Duration::from_secs(30))?;
        Ok(Self { process, shared })
    }

    /// Runs a line of a shell there, and what it writes.
    pub fn run(&self, line: &str) -> Result<String> {
        let first = format!("/proc/{0}/task/{0}/children", self.process.id());
        let first = fs::read_to_string(first)?;
        let mut command = Command::new("nsenter");
        command.args([
            "--target",
            first.trim(),
            "--mount",
            "--pid",
            "--root",
            "--wd",
        ]);
        command.args(["env", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", line]);
        let output = command.output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let words = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "{line}: {}\n{said}{words}",
            output.status
        );
        Ok(said.trim().to_owned())
    }

    /// What is written to a file that is shared with it, if it is there.
    pub fn told(&self, file: impl AsRef<Path>) -> String {
        fs::read_to_string(self.shared.join(file)).unwrap_or_default()
    }
}
