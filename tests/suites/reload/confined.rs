//! The daemon under what the unit as shipped forbids it by seccomp: MemoryDenyWriteExecute and all that stands beside it.

use std::{ffi::OsString, fs, process::Command};

use anyhow::{Result, ensure};
use pelton_harness::{Copies, Signal, Stage, TestCluster, component, orders, paths};

use crate::support::{LIMIT, pass};

/// What the unit forbids and any process may do otherwise, each tried: what could be done is printed.
const TRIED: &str = r#"
import ctypes, mmap, os, socket, tempfile

libc = ctypes.CDLL(None, use_errno=True)
page = mmap.mmap(-1, 4096)
address = ctypes.addressof(ctypes.c_char.from_buffer(page))
file = tempfile.NamedTemporaryFile()

def call(name, *arguments):
    if getattr(libc, name)(*map(ctypes.c_void_p, arguments)) == -1:
        raise OSError(ctypes.get_errno(), name)

for what, do in {
    "map": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC),
    "protect": lambda: call("mprotect", address, 4096, mmap.PROT_READ | mmap.PROT_EXEC),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "set-user-id": lambda: os.chmod(file.name, 0o4700),
    "be traced": lambda: call("ptrace", 0, 0, 0, 0),
    "connect": lambda: socket.socket(socket.AF_INET6),
}.items():
    try:
        do()
        print(what)
    except OSError:
        pass
"#;
/// Debian's own, for which the set-up installs libseccomp.
const PYTHON: &str = "/usr/bin/python3";

/// What stands before the program.
fn confined() -> Vec<OsString> {
    let root = paths::repository();
    vec![
        PYTHON.into(),
        root.join("tests/tools/confine.py").into(),
        root.join("config/pelton.service").into(),
    ]
}

fn tried(launcher: &[OsString]) -> Result<String> {
    let words = [launcher, &[PYTHON.into(), "-c".into(), TRIED.into()]].concat();
    let output = Command::new(&words[0]).args(&words[1..]).output()?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {errors}", output.status);
    let done = String::from_utf8_lossy(&output.stdout);
    Ok(done.lines().collect::<Vec<_>>().join(", "))
}

#[test]
fn what_the_unit_forbids_is_forbidden() -> Result<()> {
    let all = "map, protect, netlink, set-user-id, be traced, connect";
    assert_eq!(tried(&[])?, all, "anybody may");
    assert_eq!(tried(&confined())?, "connect");
    Ok(())
}

#[test]
fn the_daemon_compiles_works_swaps_reloads_and_stops_under_the_unit_s_restrictions() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "confined", 2)?);
    let options = stage.daemon("passthrough", "")?.under(confined());
    let mut daemon = options.start()?;
    let drafts = orders(300);
    pass(&client, &stage, &drafts[..100])?;
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.id()))?;
    for is in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        ensure!(status.lines().any(|line| line == is), "{is}: {status}");
    }
    let component = daemon.folder().join("passthrough.wasm");
    let other = component::variant(&fs::read(&component)?, 1);
    component::replace(&component, &other)?;
    daemon.wait_for_log("revision swapped in", LIMIT)?;
    pass(&client, &stage, &drafts[100..200])?;
    assert_eq!(
        daemon.metric("pelton_compilations_total", &[])?,
        2.0,
        "both were compiled there"
    );
    let config = daemon.folder().join("pelton.toml");
    let changed = fs::read_to_string(&config)?.replace("200ms", "100ms");
    component::replace(&config, changed.as_bytes())?;
    daemon.signal(Signal::Hup)?;
    daemon.wait_for_log("removed=0 changed=1", LIMIT)?;
    pass(&client, &stage, &drafts[200..])?;
    assert_eq!(daemon.stop(LIMIT)?, 0);
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once()
}
