//! Threads of a process that stand still, as ones that hang, while the rest of it goes on.
#![expect(unsafe_code, reason = "ptrace and waitpid are C functions")]

use std::{fs, io, marker::PhantomData, ptr};

use anyhow::{Context, Result, ensure};

/// What holds them, until it is dropped. The system lets only the thread that made it let them go.
#[derive(Debug)]
pub struct Halted {
    threads: Vec<libc::pid_t>,
    stays_here: PhantomData<*const ()>,
}

impl Halted {
    /// Halts every thread that has one of these names, of a process of this test.
    ///
    /// # Errors
    /// When there is none of a name, or they can't be traced.
    pub fn threads(process: u32, names: &[&str]) -> Result<Self> {
        let mut halted = Self {
            threads: Vec::new(),
            stays_here: PhantomData,
        };
        for name in names {
            let threads = named(process, name)?;
            ensure!(!threads.is_empty(), "{process} has no thread {name}");
            for thread in threads {
                halted
                    .halt(thread)
                    .with_context(|| format!("halting {name}"))?;
            }
        }
        Ok(halted)
    }

    fn halt(&mut self, thread: libc::pid_t) -> io::Result<()> {
        trace(libc::PTRACE_SEIZE, thread)?;
        self.threads.push(thread);
        trace(libc::PTRACE_INTERRUPT, thread)?;
        // SAFETY: no status is asked for.
        match unsafe { libc::waitpid(thread, ptr::null_mut(), libc::__WALL) } {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        for thread in self.threads.drain(..) {
            // One that was killed meanwhile needs nothing.
            let _ = trace(libc::PTRACE_DETACH, thread);
        }
    }
}

/// A request that has neither an address nor data.
fn trace(request: libc::c_uint, thread: libc::pid_t) -> io::Result<()> {
    let none = ptr::null_mut::<libc::c_void>();
    // SAFETY: requests of this kind touch no memory of ours.
    match unsafe { libc::ptrace(request, thread, none, none) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// The threads of a process that have this name, of which the system keeps 15 bytes.
fn named(process: u32, name: &str) -> Result<Vec<libc::pid_t>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(format!("/proc/{process}/task"))? {
        let entry = entry?;
        // One that has just ended has no name any more.
        let comm = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if comm.trim_end() == name {
            found.push(entry.file_name().to_string_lossy().parse()?);
        }
    }
    Ok(found)
}
