//! Dead letters: found, shown, redriven and purged on their topic itself.

mod filter;
mod ledger;
mod letter;
pub mod place;
mod purge;
mod redrive;
mod told;
mod writer;

use std::ops::ControlFlow;

pub use self::{
    filter::Filter,
    letter::Letter,
    purge::{Purged, purge},
    redrive::{MOST_REDRIVES, Redrive, Redriven, Skipped, redrive},
    told::{Bytes, Header, Line, Place, Shown},
};
use crate::{Error, Reach};

/// The group in whose name topics are read. Nobody joins it, and nothing is committed for it.
const READER: &str = "pelton-reader";

/// Hands out the dead letters that the filter lets through, each partition in order.
///
/// # Errors
/// The topic isn't there, or can't be read.
pub fn find(
    reach: &Reach,
    filter: &Filter,
    each: impl FnMut(Letter) -> ControlFlow<()>,
) -> Result<(), Error> {
    find_until(reach, filter, || false, each)
}

/// [`find`] for as long as it isn't given up, which is asked at each message: also where the filter lets none through.
///
/// # Errors
/// As [`find`].
pub fn find_until(
    reach: &Reach,
    filter: &Filter,
    given_up: impl Fn() -> bool,
    mut each: impl FnMut(Letter) -> ControlFlow<()>,
) -> Result<(), Error> {
    let topic = reach.dead_letter_topic()?;
    let reader = reach.reader(READER)?;
    let ranges = reader.ranges(topic)?;
    let ranges = ranges.ok_or_else(|| Error::NoTopic(topic.to_owned()))?;
    let ranges = filter.narrow(ranges);
    reader.read(&ranges, |message| {
        if given_up() {
            return ControlFlow::Break(());
        }
        let letter = Letter::of(message);
        match filter.lets_through(&letter, &reach.handler.name) {
            true => each(letter),
            false => ControlFlow::Continue(()),
        }
    })?;
    Ok(())
}
