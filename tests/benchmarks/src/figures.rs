//! What was measured, and its minimum, median and maximum over the rounds.

use serde::Serialize;

use crate::{
    options::Work,
    program::{MEASURE, Program},
};

/// One run of a program.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// CPU seconds of the process for a million input messages, from when it had its partitions.
    pub cpu_seconds_per_million: f64,
    /// Input messages in a second, over the same time.
    pub messages_per_second: f64,
    /// The most memory that the process ever held.
    pub peak_rss_mib: f64,
}

/// The rounds of one program.
#[derive(Debug, Serialize)]
pub struct Series {
    pub program: &'static str,
    #[serde(skip)]
    pub about: &'static str,
    pub rounds: Vec<Figures>,
}

impl Series {
    /// Of this program, without a round yet.
    pub fn new(program: &'static Program) -> Self {
        Self {
            program: program.name,
            about: program.about,
            rounds: Vec::new(),
        }
    }

    /// The spread of one of the figures.
    pub fn spread(&self, figure: impl Fn(&Figures) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(figure))
    }
}

/// One work at one size.
#[derive(Debug, Serialize)]
pub struct Cell {
    pub work: &'static str,
    pub value_bytes: usize,
    pub programs: Vec<Series>,
}

impl Cell {
    /// Without a round yet.
    pub fn new(work: Work, size: usize, programs: &[&'static Program]) -> Self {
        Self {
            work: work.name(),
            value_bytes: size,
            programs: programs
                .iter()
                .map(|program| Series::new(program))
                .collect(),
        }
    }

    /// The hand-written loop, if it ran.
    pub fn measure(&self) -> Option<&Series> {
        let mut series = self.programs.iter();
        series.find(|series| series.program == MEASURE)
    }
}

/// See [`Series::spread`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    pub minimum: f64,
    pub median: f64,
    pub maximum: f64,
}

impl Spread {
    /// Of these values.
    pub fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |position: usize| values.get(position).copied().unwrap_or(f64::NAN);
        Self {
            minimum: at(0),
            median: at(values.len() / 2),
            maximum: at(values.len().saturating_sub(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_of_the_rounds() {
        let round = |rate| Figures {
            cpu_seconds_per_million: 0.0,
            messages_per_second: rate,
            peak_rss_mib: 0.0,
        };
        let series = Series {
            program: MEASURE,
            about: "",
            rounds: [5.0, 1.0, 3.0].map(round).into(),
        };
        let expected = Spread {
            minimum: 1.0,
            median: 3.0,
            maximum: 5.0,
        };
        assert_eq!(series.spread(|one| one.messages_per_second), expected);
    }
}
