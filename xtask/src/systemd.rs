//! The unit as shipped, judged by systemd's own tools, and the daemon under the one restriction that machine code
//! minds.
//!
//! Invariant: what the operator's guide shows is what is judged: the drop-in is read from there.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};

use crate::{guests, paths, shell};

const UNIT: &str = "config/pelton.service";
/// For systemd before 253.
const OLDER: &str = "config/pelton-before-253.conf";
const GUIDE: &str = "docs/operating.md";
/// What an older systemd says of the unit's type, and nothing else.
const UNKNOWN_TYPE: &str = "Failed to parse service type, ignoring: notify-reload";
/// Ten times the exposure that is allowed, as shipped and with the guide's addresses.
const SHIPPED: u32 = 12;
const NARROWED: u32 = 11;
/// Refuses to make memory executable for this process and its children, as the kernel does it since 6.3: prctl(PR_SET_MDWE).
/// Older ones answer EINVAL, with which it ends.
const DENY: &str = "my %call = (x86_64 => 157, aarch64 => 167); chomp(my $cpu = `uname -m`); \
     syscall($call{$cpu}, 65, 1, 0, 0, 0) == 0 or $! == 22 ? exit 22 : die \"prctl: $!\\n\"; \
     exec @ARGV or die \"$!\\n\"";
const EINVAL: i32 = 22;

/// Checks all of it.
///
/// # Errors
/// What systemd objects to, or that the daemon can't run components like this.
pub fn check() -> Result<()> {
    let build = ["build", "--workspace", "--bin", "pelton", "--locked"];
    shell::run("the build", shell::command("cargo", &build), None)?;
    guests::build_once()?;
    let program = paths::target().join("debug/pelton");
    let unit = staged(&program)?;
    verify(&unit)?;
    exposure(&unit, SHIPPED)?;
    let guide = fs::read_to_string(GUIDE).with_context(|| GUIDE.to_owned())?;
    let addresses = drop_in(&guide).with_context(|| format!("{GUIDE} shows no IPAddressDeny="))?;
    fs::write(
        unit.with_extension("service.d").join("addresses.conf"),
        addresses,
    )?;
    verify(&unit)?;
    exposure(&unit, NARROWED)?;
    runs_without_making_memory_executable(&program)
}

/// The unit in a folder of its own, for the program that was built; with what an older systemd needs.
fn staged(program: &Path) -> Result<PathBuf> {
    let folder = paths::target().join("systemd");
    // What an earlier run left there is no part of the unit.
    let _ = fs::remove_dir_all(&folder);
    let drop_ins = folder.join("pelton.service.d");
    fs::create_dir_all(&drop_ins)?;
    let stage = |from: &str, to: &Path| -> Result<()> {
        let text = fs::read_to_string(from).with_context(|| from.to_owned())?;
        let own = text.replace("/usr/bin/pelton", &program.display().to_string());
        ensure!(own != text, "{from} doesn't start /usr/bin/pelton");
        Ok(fs::write(to, own)?)
    };
    if is_older()? {
        stage(OLDER, &drop_ins.join("before-253.conf"))?;
    }
    let unit = folder.join("pelton.service");
    stage(UNIT, &unit)?;
    Ok(unit)
}

/// `systemd 252 (252.38-1~deb12u1)`.
fn is_older() -> Result<bool> {
    let said = shell::output(shell::command("systemd-analyze", &["--version"]))?;
    let version = said
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse::<u32>().ok());
    Ok(version.context("systemd-analyze tells no version")? < 253)
}

fn verify(unit: &Path) -> Result<()> {
    // Units of this machine that ours names may be what they are.
    let arguments = ["verify", "--man=no", "--recursive-errors=no"];
    let mut verify = shell::command("systemd-analyze", &arguments);
    let done = verify.arg(unit).output()?;
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    let older = is_older()?;
    let objections = objections(&said, older);
    ensure!(objections.is_empty(), "{UNIT}: {objections:#?}");
    ensure!(
        older || done.status.success(),
        "systemd-analyze verify: {}\n{said}",
        done.status
    );
    println!("systemd-analyze verify: clean");
    Ok(())
}

/// What is said of the unit and its drop-ins, and not of others on this machine.
fn objections(said: &str, older: bool) -> Vec<&str> {
    let ours = |line: &&str| line.contains("pelton.service");
    said.lines()
        .filter(ours)
        .filter(|line| !(older && line.ends_with(UNKNOWN_TYPE)))
        .collect()
}

fn exposure(unit: &Path, most: u32) -> Result<()> {
    let mut security = shell::command(
        "systemd-analyze",
        &["security", "--offline=yes", "--no-pager"],
    );
    security.arg(format!("--threshold={most}")).arg(unit);
    let said =
        shell::output(security).with_context(|| format!("more exposed than {most} tenths"))?;
    println!("{}", said.lines().last().unwrap_or_default());
    Ok(())
}

/// The first block of the guide that has this key.
fn drop_in(guide: &str) -> Option<&str> {
    let blocks = guide.split("```ini\n").skip(1);
    blocks
        .filter_map(|block| block.split_once("```"))
        .map(|(block, _)| block)
        .find(|block| block.contains("IPAddressDeny="))
}

/// A component is compiled, loaded and called although no memory may become executable; and what really is refused
/// is refused.
fn runs_without_making_memory_executable(program: &Path) -> Result<()> {
    let denied = |arguments: &[&str]| {
        let mut command = Command::new("perl");
        command.args(["-e", DENY]).args(arguments);
        command
    };
    if denied(&["true"]).status()?.code() == Some(EINVAL) {
        let kernel = shell::output(shell::command("uname", &["-r"]))?;
        println!(
            "NOT RUN: whether a component runs where memory can't become executable; Linux {} can't refuse that to a process (6.3 can)",
            kernel.trim()
        );
        return Ok(());
    }
    let (program, guest) = (
        program.display().to_string(),
        paths::target().join("guests/passthrough.wasm"),
    );
    let guest = guest.display().to_string();
    let said = shell::output(denied(&[
        &program,
        "invoke",
        &guest,
        "--value",
        "executable",
    ]))?;
    ensure!(said.contains("executable"), "{said}");
    let gain = "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)";
    let control = denied(&["python3", "-c", &format!("import mmap; {gain}")]).output()?;
    let why = String::from_utf8_lossy(&control.stderr);
    ensure!(
        why.contains("PermissionError"),
        "nothing is denied here: {why}"
    );
    println!("a component runs where memory can't become executable");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_other_units_is_no_objection() {
        let said = "/usr/lib/systemd/system/other.service:3: Unknown key name 'X'\n\
             /t/pelton.service:9: Failed to parse service type, ignoring: notify-reload\n\
             /t/pelton.service.d/addresses.conf:2: Unknown key name 'Y'";
        assert_eq!(
            objections(said, true),
            [said.lines().last().unwrap_or_default()]
        );
        assert_eq!(objections(said, false).len(), 2);
    }

    #[test]
    fn the_drop_in_is_the_one_with_the_addresses() {
        let guide = "```ini\n[Unit]\n```\ntext\n```ini\n[Service]\nIPAddressDeny=any\n```\n";
        assert_eq!(drop_in(guide), Some("[Service]\nIPAddressDeny=any\n"));
        assert_eq!(drop_in("IPAddressDeny="), None);
    }
}
