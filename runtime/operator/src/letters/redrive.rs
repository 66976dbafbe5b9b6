//! Dead letters are given back to their handler.
//!
//! Invariant: a letter counts as redriven only once the brokers have acknowledged its copy, and no letter is written
//! twice by one redrive after another to the same place: see [`Ledger`].

use std::{collections::BTreeMap, num::NonZeroU32, ops::ControlFlow};

use tokio::runtime::Handle;

use super::{
    Filter, Letter,
    ledger::{Ledger, Targets},
    writer::Writer,
};
use crate::{Error, Reach};

/// A letter that was redriven and came back so often stays where it is, unless somebody says another number.
pub const MOST_REDRIVES: u32 = 3;

/// How a redrive is done.
#[derive(Clone, Debug)]
pub struct Redrive {
    /// Which letters.
    pub filter: Filter,
    /// Write them; otherwise only look what would be.
    pub execute: bool,
    /// Back to the topics that they came from, where every group sees them again.
    pub to_source: bool,
    /// Most of them in a second.
    pub rate: Option<NonZeroU32>,
    /// Those that were redriven so often already stay where they are.
    pub most_redrives: u32,
    /// Also those of which something didn't fit into the letter.
    pub even_cut: bool,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redriven {
    /// How many were written, or would be, by topic.
    pub written: BTreeMap<String, u64>,
    /// How many stay, and why.
    pub skipped: BTreeMap<Skipped, u64>,
    /// The topic of the handler's redrives, where it was made for this, or would be.
    pub made: Option<String>,
}

/// Why a letter stays where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Skipped {
    /// It was redriven before.
    Already,
    /// It was redriven, and came back, too often.
    Loops,
    /// Something of the message didn't fit into the letter.
    Cut,
    /// It doesn't say where it came from: another program wrote it.
    Foreign,
}

/// Redrives what the filter lets through.
///
/// # Errors
/// A topic can't be read, made or written to. What was acknowledged by then is not written again by the next try.
pub fn redrive(reach: &Reach, wanted: &Redrive) -> Result<Redriven, Error> {
    let targets = targets(reach, wanted)?;
    let ledger = Ledger::read(reach, &targets)?;
    let mut redriven = Redriven {
        made: make_topic(reach, wanted, &targets)?,
        ..Redriven::default()
    };
    let mut writer = match wanted.execute {
        true => Some(Writer::start(reach, wanted.rate)?),
        false => None,
    };
    let mut failed = Ok(());
    super::find(reach, &wanted.filter, |letter| {
        let skipped = skipped(&letter, wanted, &ledger);
        if let Some(why) = skipped {
            *redriven.skipped.entry(why).or_default() += 1;
            return ControlFlow::Continue(());
        }
        let topic = target(reach, wanted, &letter);
        if let Some(writer) = &mut writer {
            failed = writer.write(&topic, &letter, wanted.to_source);
        }
        *redriven.written.entry(topic).or_default() += 1;
        match failed {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    failed?;
    if let Some(writer) = writer {
        writer.finish()?;
    }
    Ok(redriven)
}

/// Where the letters go, by a first look at them.
fn targets(reach: &Reach, wanted: &Redrive) -> Result<Targets, Error> {
    let mut targets = Targets::new();
    super::find(reach, &wanted.filter, |letter| {
        if let Some(origin) = &letter.origin {
            let origins = targets.entry(target(reach, wanted, &letter)).or_default();
            if wanted.to_source {
                let lowest = origins.entry(origin.partition).or_insert(origin.offset);
                *lowest = origin.offset.min(*lowest);
            }
        }
        ControlFlow::Continue(())
    })?;
    Ok(targets)
}

/// Where a letter goes.
fn target(reach: &Reach, wanted: &Redrive, letter: &Letter) -> String {
    let source = letter.origin.as_ref().filter(|_| wanted.to_source);
    let retry = || reach.handler.retry_topic().unwrap_or_default();
    source.map_or_else(retry, |origin| origin.topic.to_string())
}

fn skipped(letter: &Letter, wanted: &Redrive, ledger: &Ledger) -> Option<Skipped> {
    if letter.origin.is_none() {
        Some(Skipped::Foreign)
    } else if ledger.holds(letter) {
        Some(Skipped::Already)
    } else if letter.redrives >= wanted.most_redrives {
        Some(Skipped::Loops)
    } else if letter.cut.is_some() && !wanted.even_cut {
        Some(Skipped::Cut)
    } else {
        None
    }
}

/// Makes the topic of the handler's redrives, with as many partitions as that of its dead letters, where it isn't there.
fn make_topic(reach: &Reach, wanted: &Redrive, targets: &Targets) -> Result<Option<String>, Error> {
    let retry = reach.handler.retry_topic();
    let Some(retry) = retry.filter(|retry| !wanted.to_source && targets.contains_key(retry)) else {
        return Ok(None);
    };
    let reader = reach.reader(super::READER)?;
    if reader.ranges(&retry)?.is_some() {
        return Ok(None);
    }
    if wanted.execute {
        let letters = reader.ranges(reach.dead_letter_topic()?)?;
        let partitions = letters.and_then(|all| i32::try_from(all.len()).ok());
        let made = reach.admin()?;
        Handle::current().block_on(made.create_topic(&retry, partitions, None))?;
    }
    Ok(Some(retry))
}

#[cfg(test)]
mod tests {
    use super::{super::letter::tests::letter, *};

    fn wanted() -> Redrive {
        Redrive {
            filter: Filter::default(),
            execute: true,
            to_source: false,
            rate: None,
            most_redrives: MOST_REDRIVES,
            even_cut: false,
        }
    }

    #[test]
    fn what_would_loop_was_cut_or_is_not_ours_stays() {
        let ledger = Ledger::default();
        let of = |headers: &[(&str, &str)]| {
            let all: Vec<_> = headers
                .iter()
                .copied()
                .chain([("source-offset", "4")])
                .collect();
            skipped(&letter(7, &all), &wanted(), &ledger)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("redrives", "2")]), None);
        assert_eq!(of(&[("redrives", "3")]), Some(Skipped::Loops));
        assert_eq!(
            of(&[("cut", "value: the first 9 of 10 bytes")]),
            Some(Skipped::Cut)
        );
        let foreign = skipped(&letter(7, &[]), &wanted(), &ledger);
        assert_eq!(foreign, Some(Skipped::Foreign));
    }
}
