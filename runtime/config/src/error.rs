//! Why there is no configuration.

use std::{io, path::PathBuf};

use crate::Report;

/// Why a configuration can't be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody names one, and there is none where it is looked for.
    #[error("there is no configuration file: looked for {}", listed(.looked_for))]
    Nowhere {
        /// Where.
        looked_for: Vec<PathBuf>,
    },
    /// The file can't be read.
    #[error("can't read the configuration file {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is larger than any configuration.
    #[error("{} is larger than 1 MiB: is it a configuration file?", path.display())]
    TooLarge {
        /// Which file.
        path: PathBuf,
    },
    /// The file is not UTF-8.
    #[error("{}:{line}: not UTF-8 text; save the file as UTF-8", path.display())]
    NotText {
        /// Which file.
        path: PathBuf,
        /// The line with the first byte that isn't.
        line: usize,
    },
    /// The file is wrong; all that is wrong is in the report.
    #[error("{0}")]
    Invalid(Report),
}

fn listed(places: &[PathBuf]) -> String {
    let places: Vec<_> = places
        .iter()
        .map(|place| place.display().to_string())
        .collect();
    places.join(", then ")
}
