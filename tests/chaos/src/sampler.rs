//! Reads from /proc what the daemons use, every few seconds of a soak.

use std::{
    fs,
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};

use crate::{
    progress::{Progress, lock},
    soak::{Sample, Thirds},
};

/// How often.
const STEP: Duration = Duration::from_secs(5);

/// A life of a daemon, from when the soak began.
#[derive(Debug)]
pub struct Life {
    pub name: String,
    pub samples: Vec<Sample>,
    id: u32,
    over: bool,
}

/// A thread that samples.
pub struct Sampler {
    lives: Arc<Mutex<Vec<Life>>>,
    thread: JoinHandle<()>,
}

impl Sampler {
    /// Begins with the processes that run now; those that are started later did not last the whole time.
    pub fn start(processes: Vec<(String, u32)>, progress: Arc<Progress>) -> Self {
        let life = |(name, id)| Life {
            name,
            id,
            samples: Vec::new(),
            over: false,
        };
        let lives = Arc::new(Mutex::new(processes.into_iter().map(life).collect()));
        let own: Arc<Mutex<Vec<Life>>> = Arc::clone(&lives);
        let thread = thread::spawn(move || {
            let mut next = Instant::now();
            while !progress.is_over() {
                if Instant::now() >= next {
                    next += STEP;
                    lock(&own).iter_mut().for_each(Life::look);
                }
                thread::sleep(Duration::from_millis(200));
            }
        });
        Self { lives, thread }
    }

    /// The lives that lasted from the beginning of the soak until now. Call it before the daemons are stopped.
    pub fn lasting(&self) -> Vec<(String, usize, Option<Thirds>)> {
        let mut lives = lock(&self.lives);
        lives.iter_mut().for_each(Life::look);
        let lasting = lives.iter().filter(|life| !life.over);
        lasting
            .map(|life| {
                let thirds = Thirds::of(&life.samples);
                (life.name.clone(), life.samples.len(), thirds)
            })
            .collect()
    }

    /// Waits for the thread, which ends with the run.
    pub fn finish(self) -> Result<()> {
        let joined = self.thread.join();
        joined.map_err(|_| anyhow!("the thread that samples panicked"))
    }
}

impl Life {
    fn look(&mut self) {
        if self.over {
            return;
        }
        match sample(self.id) {
            Some(sample) => self.samples.push(sample),
            None => self.over = true,
        }
    }
}

/// What a process uses now. `None` when it is gone (a process that was killed and not waited for has no files left).
fn sample(id: u32) -> Option<Sample> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let number = |name: &str| -> Option<u64> {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse().ok()
    };
    Some(Sample {
        rss: number("VmRSS:")?,
        files: fs::read_dir(format!("/proc/{id}/fd")).ok()?.count() as u64,
        threads: number("Threads:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_files_and_threads() {
        let sample = sample(std::process::id()).expect("it runs");
        assert!(sample.rss > 0 && sample.files >= 3 && sample.threads >= 1);
    }

    #[test]
    fn a_process_that_is_gone_has_no_sample() {
        assert_eq!(sample(u32::MAX), None);
    }
}
