//! Where a trouble is told, as the first column of an entry's table says it.

use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A row's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Status,
    Ready,
    Metric,
    /// One of config/alerts.yml, which fires when it has held for so long.
    Alert(Duration),
    Log(Whose, Often),
}

/// Whose log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The troubled daemon's.
    Its,
    /// The same, when it goes on.
    ItsAfterwards,
    /// That of another one of its group.
    Others,
}

/// How often a line may be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Often {
    Once,
    /// So often in a minute.
    AMinute(usize),
}

impl Place {
    pub fn read(text: &str) -> Result<Self> {
        let (what, more) = text.split_once(", ").unwrap_or((text, ""));
        Ok(match (what, more) {
            ("`pelton status`", "") => Self::Status,
            ("`/readyz`", "") => Self::Ready,
            ("metric", "") => Self::Metric,
            ("alert", "at once") => Self::Alert(Duration::ZERO),
            ("alert", after) => Self::Alert(minutes(after)?),
            ("log", often) => Self::Log(Whose::Its, Often::read(often)?),
            ("log afterwards", often) => Self::Log(Whose::ItsAfterwards, Often::read(often)?),
            ("log of another", often) => Self::Log(Whose::Others, Often::read(often)?),
            _ => bail!("what is {text:?}?"),
        })
    }
}

/// `after N min`.
fn minutes(text: &str) -> Result<Duration> {
    let number = text
        .strip_prefix("after ")
        .and_then(|text| text.strip_suffix(" min"));
    let number: u64 = number
        .with_context(|| format!("when is {text:?}?"))?
        .parse()?;
    Ok(Duration::from_secs(number * 60))
}

impl Often {
    fn read(text: &str) -> Result<Self> {
        if text == "once" {
            return Ok(Self::Once);
        }
        let number = text
            .strip_prefix("up to ")
            .and_then(|text| text.strip_suffix(" times a minute"));
        let number = number.with_context(|| format!("how often is {text:?}?"))?;
        Ok(Self::AMinute(number.parse()?))
    }

    /// The most that there may be in so long.
    pub fn most(self, within: Duration) -> usize {
        match self {
            Self::Once => 1,
            Self::AMinute(most) => most * (within.as_secs() as usize / 60 + 1),
        }
    }
}

#[test]
fn a_place_is_read_as_it_stands() {
    let read = |text| Place::read(text).unwrap();
    assert_eq!(
        read("alert, after 2 min"),
        Place::Alert(Duration::from_secs(120))
    );
    assert_eq!(read("log, once"), Place::Log(Whose::Its, Often::Once));
    let often = Often::AMinute(20);
    assert_eq!(
        read("log of another, up to 20 times a minute"),
        Place::Log(Whose::Others, often)
    );
    assert_eq!(often.most(Duration::from_secs(59)), 20);
    assert_eq!(often.most(Duration::from_secs(60)), 40);
    for wrong in ["alert", "log", "log, twice", "newspaper", "metric, once"] {
        assert!(Place::read(wrong).is_err(), "{wrong}");
    }
}
