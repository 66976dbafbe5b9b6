//! While packages are installed, none of them starts a service.
//!
//! Debian's packages ask a program first, where there is one: 101 forbids it.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

const FORBIDS: &str =
    "#!/bin/sh\n# Of Pelton's `cargo xtask setup`, while it installs packages.\nexit 101\n";

/// No service is started until it is dropped. A program that somebody else has put there stays, and decides.
#[derive(Debug)]
pub struct NoServices(Option<PathBuf>);

impl NoServices {
    /// Puts the program there, unless there is one.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn begin(program: &Path) -> Result<Self> {
        let made = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o755)
            .open(program);
        let ours = match made {
            Ok(mut file) => {
                let written = file.write_all(FORBIDS.as_bytes());
                written.with_context(|| format!("can't write {}", program.display()))?;
                true
            }
            // One of ours is left where a set-up was killed.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                fs::read(program).is_ok_and(|text| text == FORBIDS.as_bytes())
            }
            Err(error) => {
                return Err(error).with_context(|| format!("can't make {}", program.display()));
            }
        };
        Ok(Self(ours.then(|| program.to_owned())))
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(program) = &self.0
            && let Err(error) = fs::remove_file(program)
        {
            println!(
                "{} forbids that services are started, and can't be removed: {error}",
                program.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_program_is_there_for_as_long_as_it_is_held_and_somebody_else_s_stays() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("pelton-services-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let program = folder.join("policy-rc.d");
        let held = NoServices::begin(&program)?;
        assert_eq!(fs::read_to_string(&program)?, FORBIDS);
        assert_eq!(fs::metadata(&program)?.permissions().mode() & 0o500, 0o500);
        let of_a_killed_one = NoServices::begin(&program)?;
        assert!(of_a_killed_one.0.is_some());
        std::mem::forget(of_a_killed_one);
        drop(held);
        assert!(!program.exists());
        fs::write(&program, "exit 0")?;
        drop(NoServices::begin(&program)?);
        assert_eq!(fs::read_to_string(&program)?, "exit 0");
        Ok(fs::remove_dir_all(&folder)?)
    }
}
