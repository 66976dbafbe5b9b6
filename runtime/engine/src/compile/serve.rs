//! The child's side: one component in, one answer out.
//!
//! Invariant: the bounds hold before the first byte of a component is read, and can't be raised again.

use std::{
    fs,
    io::{self, Read, Write},
    time::Duration,
};

use rustix::process::{
    Pid, Resource, Rlimit, Signal, getppid, nice, set_parent_process_death_signal, setrlimit,
};

use super::{answer, component::compile, descriptors};
use crate::{engine, file::ComponentFile};

/// How much nicer than its parent the child is: messages go before compiling.
const NICER: i32 = 5;

/// What a process may use up for compiling one component.
#[derive(Clone, Debug)]
pub struct Bounds {
    /// Bytes of the component.
    pub component_bytes: usize,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Time on CPUs, all threads together, in whole seconds.
    pub cpu: Duration,
    /// The process that waits for the answer: without it there is nobody to answer.
    pub parent: Option<u32>,
}

/// Reads a component, compiles it and writes the answer. For a process that has just begun and will do nothing
/// else: it closes all descriptors but the standard ones, and bounds what the process may use up from here on.
///
/// # Errors
/// The bounds can't be set, or the component not read or the answer not written. A component that can't be compiled
/// is an answer, no error.
pub fn serve(bounds: &Bounds, from: impl Read, to: impl Write) -> io::Result<()> {
    descriptors::close_inherited()?;
    end_with_parent(bounds.parent)?;
    confine(bounds)?;
    let mut bytes = Vec::new();
    let most = bounds.component_bytes as u64 + 1;
    from.take(most).read_to_end(&mut bytes)?;
    let wasm = engine::compiling().map_err(|error| io::Error::other(format!("{error:#}")))?;
    let compiled =
        ComponentFile::new(&bytes, bounds.component_bytes).and_then(|file| compile(&wasm, &file));
    answer::write(to, compiled)
}

/// The process ends when its parent does, also when the parent already has.
fn end_with_parent(parent: Option<u32>) -> io::Result<()> {
    let Some(parent) = parent else {
        return Ok(());
    };
    #[cfg(target_os = "linux")]
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let now = getppid().map(Pid::as_raw_nonzero);
    if now.and_then(|id| u32::try_from(id.get()).ok()) != Some(parent) {
        return Err(io::Error::other("the process that asked is gone"));
    }
    Ok(())
}

fn confine(bounds: &Bounds) -> io::Result<()> {
    let limit = |resource, to| {
        let to = Some(to);
        setrlimit(
            resource,
            Rlimit {
                current: to,
                maximum: to,
            },
        )
    };
    // What is reserved and never written to is not counted, unlike with a limit on address space: allocators reserve
    // 64 MiB for each thread.
    limit(Resource::Data, bounds.memory_bytes)?;
    limit(Resource::Cpu, bounds.cpu.as_secs().max(1))?;
    limit(Resource::Core, 0)?;
    limit(Resource::Fsize, 0)?;
    // Both are courtesies to the processes beside it, and not had everywhere.
    let _ = nice(NICER);
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    Ok(())
}
