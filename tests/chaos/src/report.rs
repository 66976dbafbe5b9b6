//! What is printed at the end: a row for each incident with its bound beside it, and the verdict.
//!
//! Invariant: the verdict is kept only if nothing at all was found; every kind of fault has its words here.

use std::process::Command;

use pelton_harness::paths;

use crate::{
    check::{Findings, Repeats},
    history::History,
    options::Options,
    soak::Thirds,
};

/// The verdict on a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How many messages were lost.
    pub lost: usize,
    /// How many copies there were besides the first ones.
    pub repeated: usize,
    /// What was done to the group, of what the schedule had.
    pub steps: (usize, usize),
    /// How many messages there were.
    pub messages: usize,
    /// Everything that was found; empty when the contract was kept.
    pub faults: Vec<String>,
    /// What to run it again with, and what was run.
    provenance: String,
}

impl Verdict {
    /// Whether the contract was kept.
    pub fn is_kept(&self) -> bool {
        self.faults.is_empty()
    }

    /// The last line.
    pub fn line(&self) -> String {
        let Self {
            lost,
            repeated,
            steps: (done, planned),
            messages,
            provenance,
            ..
        } = self;
        let steps = match planned {
            0 => format!("{done} steps"),
            _ => format!("{done} of {planned} steps"),
        };
        let numbers =
            format!("{lost} lost of {messages}, {repeated} repeated, {steps}; {provenance}");
        if self.is_kept() {
            format!("verdict: kept: every repeat within its bound: {numbers}")
        } else {
            format!("verdict: BROKEN: {}: {numbers}", self.faults.join("; "))
        }
    }
}

/// Judges what was found, together with the faults that were seen on the way.
pub fn verdict(
    options: &Options,
    seed: u64,
    steps: (usize, usize),
    history: &History,
    findings: &Findings,
    seen: Vec<String>,
) -> Verdict {
    let mut faults = faults(history, findings);
    faults.extend(seen);
    let explained: usize = findings.repeats.iter().map(Repeats::sum).sum();
    let repeated = explained + findings.unexplained.len();
    if options.exactly_once && repeated > 0 {
        faults.push(format!("{repeated} came out more than once"));
    }
    if options.rolling {
        faults.extend(must_not_repeat(history, findings));
    }
    Verdict {
        lost: findings.lost.len(),
        repeated,
        steps,
        messages: history.inputs.len(),
        faults,
        provenance: format!("seed {seed}, commit {}", commit()),
    }
}

/// The faults among the findings.
fn faults(history: &History, findings: &Findings) -> Vec<String> {
    let mut faults = Vec::new();
    let mut ids = |what: &str, ids: &[usize]| {
        if !ids.is_empty() {
            faults.push(format!("{} {what} ({})", ids.len(), some(ids)));
        }
    };
    ids("lost", &findings.lost);
    ids("came out after they were committed", &findings.after_commit);
    ids("repeated for no reason", &findings.unexplained);
    ids("out of order", &findings.disordered);
    if findings.strangers > 0 {
        faults.push(format!("{} outputs of no input", findings.strangers));
    }
    if !findings.backwards.is_empty() {
        faults.push(format!(
            "commits went backwards in partitions {}",
            some(&findings.backwards)
        ));
    }
    let lag: i64 = findings.lag.iter().sum();
    if findings.lag.iter().any(|lag| *lag != 0) {
        faults.push(format!("{lag} not committed at the end"));
    }
    for (incident, repeats) in history.incidents.iter().zip(&findings.repeats) {
        for partition in repeats.over() {
            faults.push(format!(
                "{} repeated {} in partition {partition}, where {} are in order",
                incident.name,
                repeats.counts[partition],
                repeats.bounds[partition].most()
            ));
        }
    }
    faults
}

/// A rolling restart is all clean stops: one that left something unfinished is a fault of it.
fn must_not_repeat(history: &History, findings: &Findings) -> Vec<String> {
    let unclean = history.incidents.iter().zip(&findings.repeats);
    unclean
        .filter(|(incident, _)| incident.unclean)
        .map(|(incident, repeats)| {
            format!(
                "{} was to be clean, and repeated {}",
                incident.name,
                repeats.sum()
            )
        })
        .collect()
}

/// The first five.
fn some(ids: &[usize]) -> String {
    let first: Vec<String> = ids.iter().take(5).map(usize::to_string).collect();
    let more = if ids.len() > 5 { ", ..." } else { "" };
    format!("{}{more}", first.join(", "))
}

/// Prints a row for each incident.
pub fn table(history: &History, findings: &Findings) {
    println!();
    row(
        ["at", "lag", "repeats", "oldest"],
        "the partition nearest to its bound",
        "what",
    );
    for (incident, repeats) in history.incidents.iter().zip(&findings.repeats) {
        let oldest = match repeats.sum() {
            0 => String::new(),
            _ => format!("{} ms", repeats.oldest),
        };
        let at = format!("{:.1} s", incident.began as f64 / 1_000.0);
        row(
            [
                &at,
                &incident.lag.to_string(),
                &repeats.sum().to_string(),
                &oldest,
            ],
            &nearest(repeats),
            &incident.name,
        );
    }
    println!("{EXPLANATION}");
}

/// What the columns mean.
const EXPLANATION: &str = "\
lag: written and not committed when it happened. oldest: how long before it the first copy of a repeat had come out.
bound = in flight + finished. in flight: as configured. finished: the most messages of the partition that came out within
one commit interval and the latency of its commits (as seen outside of incidents, at most one interval more), between the
unclean incident before and this one.";

fn row(numbers: [&str; 4], nearest: &str, what: &str) {
    let [at, lag, repeats, oldest] = numbers;
    println!("{at:>9} {lag:>7} {repeats:>7} {oldest:>8}  {nearest:<72} {what}");
}

/// The count and the bound side by side.
fn nearest(repeats: &Repeats) -> String {
    match repeats.nearest() {
        None => "none allowed".to_owned(),
        Some((partition, count, bound)) => format!(
            "partition {partition}: {count} of {} = {} in flight + {} finished in {} ms",
            bound.most(),
            bound.in_flight,
            bound.finished,
            bound.window
        ),
    }
}

/// Prints what the daemons used that lasted, and returns what grew.
pub fn soak(lasting: &[(String, usize, Option<Thirds>)]) -> Vec<String> {
    let mut faults = Vec::new();
    let mut judged = 0;
    println!();
    for (name, samples, thirds) in lasting {
        let Some(thirds) = thirds else {
            println!("{name}: {samples} samples are too few to judge");
            continue;
        };
        judged += 1;
        let (middle, last) = (thirds.middle, thirds.last);
        println!(
            "{name}: medians of the middle and the last third of {samples} samples: resident memory {} and {} KiB, \
             file descriptors {} and {}, threads {} and {}",
            middle.rss, last.rss, middle.files, last.files, middle.threads, last.threads
        );
        faults.extend(
            thirds
                .faults()
                .into_iter()
                .map(|fault| format!("{name}: {fault}")),
        );
    }
    if judged == 0 {
        faults.push("no daemon lasted long enough to be judged".to_owned());
    }
    faults
}

/// The commit of the tree, and whether something in it was changed.
fn commit() -> String {
    let done = Command::new("git")
        .args(["describe", "--always", "--dirty", "--exclude=*"])
        .current_dir(paths::repository())
        .output();
    match done {
        Ok(done) if done.status.success() => {
            String::from_utf8_lossy(&done.stdout).trim().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{bound::Bound, history::Incident};

    fn incident(unclean: bool) -> History {
        History {
            incidents: vec![Incident {
                name: "SIGTERM daemon 1".to_owned(),
                unclean,
                ..Incident::default()
            }],
            ..History::default()
        }
    }

    #[test]
    fn nothing_found_is_no_fault() {
        let findings = Findings {
            lag: vec![0, 0],
            ..Findings::default()
        };
        assert_eq!(faults(&History::default(), &findings), [""; 0]);
    }

    #[test]
    fn every_finding_is_a_fault() {
        let findings = Findings {
            lost: vec![1],
            strangers: 1,
            disordered: vec![2],
            after_commit: vec![3],
            unexplained: vec![4],
            backwards: vec![0],
            lag: vec![5],
            repeats: vec![Repeats {
                counts: vec![3],
                bounds: vec![Bound {
                    in_flight: 1,
                    window: 1_000,
                    finished: 1,
                }],
                oldest: 0,
            }],
        };
        let faults = faults(&incident(true), &findings);
        assert_eq!(
            faults,
            [
                "1 lost (1)",
                "1 came out after they were committed (3)",
                "1 repeated for no reason (4)",
                "1 out of order (2)",
                "1 outputs of no input",
                "commits went backwards in partitions 0",
                "5 not committed at the end",
                "SIGTERM daemon 1 repeated 3 in partition 0, where 2 are in order",
            ]
        );
    }

    #[test]
    fn a_stop_of_a_rolling_restart_that_left_something_is_a_fault() {
        let findings = Findings {
            repeats: vec![Repeats::default()],
            ..Findings::default()
        };
        assert_eq!(must_not_repeat(&incident(false), &findings), [""; 0]);
        assert_eq!(must_not_repeat(&incident(true), &findings).len(), 1);
    }

    #[test]
    fn the_verdict_names_its_faults() {
        let broken = Verdict {
            lost: 2,
            faults: vec!["2 lost (1, 7)".to_owned()],
            ..Verdict::default()
        };
        assert!(!broken.is_kept());
        assert!(
            broken
                .line()
                .starts_with("verdict: BROKEN: 2 lost (1, 7): ")
        );
        assert!(Verdict::default().line().starts_with("verdict: kept"));
    }

    #[test]
    fn a_soak_in_which_nobody_lasted_shows_nothing() {
        assert_eq!(soak(&[]).len(), 1);
    }
}
