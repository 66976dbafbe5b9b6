//! Programs from the distribution: Java and Maven for Kafka, Node for KafkaJS, Python, kcat, valgrind, Prometheus, systemd's
//! tools, and Chromium for the dashboard.

use std::{path::Path, process::Command};

use anyhow::{Result, bail, ensure};

use super::services::NoServices;
use crate::shell;

/// What Debian's packages ask whether they may start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";

/// One program that the tests run.
struct Program {
    /// What it is called here.
    name: &'static str,
    /// How to see that it is there.
    probe: fn() -> bool,
    /// Debian's packages, the first that the distribution has.
    packages: &'static [&'static str],
}

const PROGRAMS: &[Program] = &[
    Program {
        name: "java (17 or later)",
        probe: has_java,
        packages: &[
            "openjdk-17-jre-headless",
            "openjdk-21-jre-headless",
            "default-jre-headless",
        ],
    },
    Program {
        name: "maven",
        probe: || shell::works("mvn", &["--version"]),
        packages: &["maven"],
    },
    Program {
        name: "node (14 or later)",
        probe: has_node,
        packages: &["nodejs"],
    },
    Program {
        name: "npm",
        probe: || shell::works("npm", &["--version"]),
        packages: &["npm"],
    },
    Program {
        name: "python's venv",
        probe: || shell::works("python3", &["-c", "import venv, ensurepip"]),
        packages: &["python3-venv"],
    },
    Program {
        name: "python's libseccomp",
        probe: || shell::works("/usr/bin/python3", &["-c", "import seccomp"]),
        packages: &["python3-seccomp"],
    },
    Program {
        name: "kcat",
        probe: || shell::works("kcat", &["-V"]),
        packages: &["kcat", "kafkacat"],
    },
    Program {
        name: "prometheus",
        probe: || shell::works("prometheus", &["--version"]),
        packages: &["prometheus"],
    },
    Program {
        name: "systemd-analyze",
        probe: || shell::works("systemd-analyze", &["--version"]),
        packages: &["systemd"],
    },
    Program {
        name: "valgrind",
        probe: || shell::works("valgrind", &["--version"]),
        packages: &["valgrind"],
    },
    Program {
        name: "chromium",
        probe: || shell::works("chromium", &["--version"]),
        packages: &["chromium", "chromium-browser"],
    },
];

/// Installs those that are missing.
///
/// # Errors
/// When there is no apt-get or we are not root; the error names the packages.
pub fn packages() -> Result<()> {
    let mut missing = Vec::new();
    for program in PROGRAMS {
        if (program.probe)() {
            println!("{}: there", program.name);
        } else {
            missing.push(program);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|program| program.name).collect();
    let wanted: Vec<&str> = missing
        .iter()
        .filter_map(|program| program.packages.first().copied())
        .collect();
    if !shell::works("apt-get", &["--version"]) {
        bail!(
            "{} missing; install what your system calls: {}",
            names.join(", "),
            wanted.join(" ")
        );
    }
    let by_hand = format!(
        "apt-get install -y --no-install-recommends {}",
        wanted.join(" ")
    );
    ensure!(
        is_root(),
        "{} missing and we are not root; run as root: {by_hand}",
        names.join(", ")
    );
    println!(
        "{}: installing by apt-get (a minute or two)",
        names.join(", ")
    );
    shell::run("apt-get update", apt(&["update", "-q"]), None)?;
    let chosen: Vec<&str> = missing
        .iter()
        .filter_map(|program| available(program.packages))
        .collect();
    let mut install = apt(&["install", "-y", "-q", "--no-install-recommends"]);
    install.args(&chosen);
    // Prometheus' package would start one, which nobody asked for.
    let no_services = NoServices::begin(Path::new(POLICY))?;
    shell::run("apt-get install", install, None)?;
    drop(no_services);
    for program in missing {
        ensure!(
            (program.probe)(),
            "{} is still missing after installing {}",
            program.name,
            chosen.join(" ")
        );
    }
    Ok(())
}

/// The first of these packages that the distribution has.
fn available(packages: &'static [&'static str]) -> Option<&'static str> {
    let known = |package: &&&str| shell::works("apt-cache", &["show", package]);
    packages.iter().find(known).or(packages.first()).copied()
}

/// apt-get, asking nothing.
fn apt(arguments: &[&str]) -> Command {
    let mut command = shell::command("apt-get", arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    shell::output(shell::command("id", &["-u"])).is_ok_and(|id| id.trim() == "0")
}

/// Kafka 4 needs Java 17. `java -version` says `openjdk version "17.0.15" ...` on standard error.
fn has_java() -> bool {
    let Ok(done) = Command::new("java").arg("-version").output() else {
        return false;
    };
    let text = String::from_utf8_lossy(&done.stderr).into_owned();
    text.split('"')
        .nth(1)
        .and_then(major)
        .is_some_and(|major| major >= 17)
}

/// `node --version` says `v20.20.2`.
fn has_node() -> bool {
    let text = shell::output(shell::command("node", &["--version"]));
    text.is_ok_and(|text| major(text.trim_start_matches('v')).is_some_and(|major| major >= 14))
}

/// The number before the first dot.
fn major(version: &str) -> Option<u32> {
    version.split(['.', '-', '+']).next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_major_version_however_it_is_written() {
        assert_eq!(major("17.0.15"), Some(17));
        assert_eq!(major("21-ea"), Some(21));
        assert_eq!(major("20.20.2\n"), Some(20));
        assert_eq!(major("unknown"), None);
    }
}
