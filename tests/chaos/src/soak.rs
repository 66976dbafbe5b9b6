//! Whether a daemon's memory, file descriptors and threads stay where they are over a long time.
//!
//! Invariant: pure; sampling is in [`crate::sampler`]. The first third of a life is warming up and judges nothing.

/// What a process used at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// Resident memory, in KiB.
    pub rss: u64,
    /// Open file descriptors.
    pub files: u64,
    /// Threads.
    pub threads: u64,
}

/// The medians of the middle and the last third of a life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thirds {
    /// Of the middle third.
    pub middle: Sample,
    /// Of the last.
    pub last: Sample,
}

/// How many samples a life needs, so that a third is more than a handful.
const FEWEST: usize = 15;

impl Thirds {
    /// Of the samples of a life, in order. `None` where there are too few to judge.
    pub fn of(samples: &[Sample]) -> Option<Self> {
        if samples.len() < FEWEST {
            return None;
        }
        let third = samples.len() / 3;
        Some(Self {
            middle: medians(&samples[third..2 * third]),
            last: medians(&samples[2 * third..]),
        })
    }

    /// What grew: memory by more than 5 %, file descriptors or threads at all.
    pub fn faults(&self) -> Vec<String> {
        let Self { middle, last } = self;
        let mut faults = Vec::new();
        if last.rss * 100 > middle.rss * 105 {
            faults.push(format!(
                "resident memory grew from {} to {} KiB",
                middle.rss, last.rss
            ));
        }
        if last.files > middle.files {
            faults.push(format!(
                "file descriptors grew from {} to {}",
                middle.files, last.files
            ));
        }
        if last.threads > middle.threads {
            faults.push(format!(
                "threads grew from {} to {}",
                middle.threads, last.threads
            ));
        }
        faults
    }
}

fn medians(samples: &[Sample]) -> Sample {
    let median = |read: fn(&Sample) -> u64| {
        let mut values: Vec<u64> = samples.iter().map(read).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().unwrap_or(0)
    };
    Sample {
        rss: median(|sample| sample.rss),
        files: median(|sample| sample.files),
        threads: median(|sample| sample.threads),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Thirty samples, each made from its position.
    fn faults(sample: impl Fn(u64) -> Sample) -> Vec<String> {
        let samples: Vec<Sample> = (0..30).map(sample).collect();
        Thirds::of(&samples).expect("enough samples").faults()
    }

    const FLAT: Sample = Sample {
        rss: 100_000,
        files: 40,
        threads: 12,
    };

    #[test]
    fn warming_up_and_a_flat_rest_are_fine() {
        let warm = |n| Sample {
            rss: if n < 10 { 20_000 } else { 100_000 + 100 * n },
            ..FLAT
        };
        assert_eq!(faults(warm), [""; 0]);
    }

    #[test]
    fn memory_that_grows_is_found_and_memory_that_shrinks_is_not() {
        let leak = |n| Sample {
            rss: 100_000 + 2_000 * n,
            ..FLAT
        };
        assert_eq!(
            faults(leak),
            ["resident memory grew from 130000 to 150000 KiB"]
        );
        let shrink = |n| Sample {
            rss: 200_000 - 2_000 * n,
            ..FLAT
        };
        assert_eq!(faults(shrink), [""; 0]);
    }

    #[test]
    fn a_descriptor_or_a_thread_more_now_and_then_is_found() {
        let files = |n| Sample {
            files: 40 + n / 5,
            ..FLAT
        };
        assert_eq!(faults(files), ["file descriptors grew from 43 to 45"]);
        let threads = |n| Sample {
            threads: 12 + n / 10,
            ..FLAT
        };
        assert_eq!(faults(threads), ["threads grew from 13 to 14"]);
    }

    #[test]
    fn one_that_is_open_for_a_moment_is_no_growth() {
        let spike = |n| Sample {
            files: if n % 7 == 0 { 60 } else { 40 },
            ..FLAT
        };
        assert_eq!(faults(spike), [""; 0]);
    }

    #[test]
    fn a_short_life_is_not_judged() {
        assert_eq!(Thirds::of(&[FLAT; 14]), None);
    }
}
