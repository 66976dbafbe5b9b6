//! Whether this machine lets a process mount file systems that only it sees, which some containers forbid to everybody.

use std::{process::Stdio, sync::LazyLock};

use crate::shell;

/// Why what needs it can't be shown here.
pub const LACK: &str = "nobody may mount file systems on this machine (`unshare --mount`)";

static ALLOWED: LazyLock<bool> = LazyLock::new(|| {
    let mount = ["--mount", "mount", "-t", "tmpfs", "pelton", "/mnt"];
    let tried = shell::command("unshare", &mount)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    tried.is_ok_and(|status| status.success())
});

/// Tried once.
pub fn allowed() -> bool {
    *ALLOWED
}
