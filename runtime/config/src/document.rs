//! Other files than pelton.toml that a handler's author writes by hand, read with the same care.

use serde::de::DeserializeOwned;

use crate::{
    Report,
    findings::{Finding, Findings},
    key::Key,
    read::read_plain,
};

/// A TOML file whose types are right, while what its keys say together is being checked.
pub struct Document<'s> {
    file: &'s str,
    source: &'s str,
    findings: Findings<'s>,
}

impl<'s> Document<'s> {
    /// Reads a text as if it stood in the file of that name. `what` is what messages call such a file.
    ///
    /// # Errors
    /// Everything that is wrong with syntax and types.
    pub fn read<T: DeserializeOwned>(
        source: &'s str,
        file: &'s str,
        what: &'static str,
    ) -> Result<(T, Self), Report> {
        let (typed, findings) = read_plain(source, what);
        let document = Self {
            file,
            source,
            findings,
        };
        match typed {
            Some(typed) if document.findings.is_clean() => Ok((typed, document)),
            _ => Err(document.report()),
        }
    }

    /// Reports a mistake in the value of a key, which is given segment by segment (array elements by number), and
    /// what to do about it.
    pub fn refuse(&mut self, key: &[&str], message: impl Into<String>, help: &str) {
        let key = Key::new(key.iter().copied());
        self.findings
            .refuse(Finding::new(message).value(&key, "").help(help));
    }

    /// The end of the checks.
    ///
    /// # Errors
    /// Everything that was refused.
    pub fn finish(self) -> Result<(), Report> {
        if self.findings.is_clean() {
            Ok(())
        } else {
            Err(self.report())
        }
    }

    fn report(self) -> Report {
        let (problems, _) = self.findings.into_parts();
        Report::new(self.file.to_owned(), self.source.to_owned(), problems)
    }
}
