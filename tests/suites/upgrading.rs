//! The Debian package on a machine: installed, upgraded under load, removed and purged, by dpkg and its own scripts.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::Path,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use pelton_harness::{
    Copies, Stage, TestCluster, cluster::free_ports, http, load::flows_while, orders, paths, wait,
};

#[path = "upgrading/machine.rs"]
mod machine;

use machine::Machine;

const LIMIT: Duration = Duration::from_secs(60);
/// What the newer program ends with; no loader minds.
const MARK: &[u8] = b"the newer one";

fn done(command: &mut Command) -> Result<()> {
    let output = command.output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {words}");
    Ok(())
}

/// The package as `cargo xtask package --debug` left it, and one of a later version with a program of other bytes.
fn packages(folder: &Path) -> Result<()> {
    let made = paths::target().join("package");
    let entries = fs::read_dir(&made).context("no package: run `cargo xtask package --debug`")?;
    let mut files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let file = files.find(|file| file.extension().is_some_and(|kind| kind == "deb"));
    let file = file.context("no package: run `cargo xtask package --debug`")?;
    fs::copy(&file, folder.join("old.deb"))?;
    let tree = folder.join("tree");
    done(Command::new("dpkg-deb").arg("-R").arg(&file).arg(&tree))?;
    let control = tree.join("DEBIAN/control");
    let text = fs::read_to_string(&control)?;
    let later = text.replacen("\nVersion: ", "\nVersion: 1:", 1);
    ensure!(later != text, "no version in {text}");
    fs::write(control, later)?;
    let mut program = OpenOptions::new()
        .append(true)
        .open(tree.join("usr/bin/pelton"))?;
    program.write_all(MARK)?;
    drop(program);
    let mut pack = Command::new("dpkg-deb");
    pack.args(["--root-owner-group", "-Zgzip", "-z1", "--build"]);
    done(pack.arg(&tree).arg(folder.join("new.deb")))
}

/// What the process of the daemon ends with, as the kernel holds it.
fn runs_the_newer(machine: &Machine) -> Result<bool> {
    let length = MARK.len();
    let end = machine.run(&format!(
        "tail -c {length} /proc/$(cat /run/pelton.id)/exe | base64"
    ))?;
    let mark = machine.run(&format!(
        "printf '{}' | base64",
        String::from_utf8_lossy(MARK)
    ))?;
    Ok(end == mark)
}

fn wait_ready(machine: &Machine, admin: &str) -> Result<()> {
    wait::until_true("the daemon to be ready", LIMIT, || {
        Ok(http::get(admin, "/readyz").is_ok_and(|answer| answer.status == 200))
    })
    .with_context(|| machine.told("pelton.log"))
}

#[test]
fn an_upgrade_of_the_package_under_load_loses_and_repeats_nothing() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "upgraded", 4)?);
    let machine = Machine::boot()?;
    packages(&machine.shared)?;
    let admin = format!("127.0.0.1:{}", free_ports()?.0);
    machine.run("dpkg -i /packages/old.deb")?;
    ensure!(
        !machine.told("asked.log").contains("enable"),
        "installing starts nothing"
    );
    machine.run("test ! -e /run/pelton.id")?;
    let text = stage.config("passthrough", "");
    let configuration = format!("{text}\n[admin]\nlisten = {admin:?}\n");
    fs::write(machine.shared.join("pelton.toml"), &configuration)?;
    fs::copy(
        paths::guest("passthrough")?,
        machine.shared.join("passthrough.wasm"),
    )?;
    machine.run("cp /packages/pelton.toml /packages/passthrough.wasm /etc/pelton/")?;
    machine.run("chmod 644 /etc/pelton/*")?;
    machine.run("systemctl enable --now pelton.service")?;
    wait_ready(&machine, &admin)?;
    ensure!(!runs_the_newer(&machine)?, "the older one runs");

    let drafts = orders(60_000);
    let (sent, ()) = flows_while(&client, &stage.input, (&drafts, 500), || {
        stage.wait_for_outputs(&client, 1000)?;
        machine.run("dpkg -i /packages/new.deb")?;
        wait_ready(&machine, &admin)?;
        ensure!(runs_the_newer(&machine)?, "the newer one runs");
        let so_far = client.ends(&stage.output)?.iter().sum::<i64>();
        stage.wait_for_outputs(&client, so_far as usize + 1000)
    })?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    let outputs = client.read_all(&stage.output)?;
    Copies::of(&drafts[..sent], &outputs).exactly_once()?;
    let log = machine.told("pelton.log");
    let clean = "stopped: everything begun is finished and committed";
    ensure!(log.matches(clean).count() == 1, "{log}");
    ensure!(machine.run("cat /etc/pelton/pelton.toml")? == configuration.trim());

    machine.run("dpkg -r pelton")?;
    ensure!(
        machine.told("pelton.log").matches(clean).count() == 2,
        "removing stops it"
    );
    machine.run("test ! -e /usr/bin/pelton && test -e /etc/pelton/pelton.toml")?;
    machine.run("dpkg -P pelton")?;
    machine.run("test ! -e /etc/pelton/pelton.toml && test ! -e /var/cache/pelton && test ! -e /var/lib/pelton")?;
    Ok(())
}
