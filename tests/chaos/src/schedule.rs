//! What is done to the group, and in which order: all of it from a seed.
//!
//! Invariant: pure. One seed and the same numbers give one schedule.

use std::time::Duration;

use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// kill -9 of a daemon, which comes back after a while.
    Kill,
    /// The offsets of a daemon's transaction arrive once more in its next one, and then it is killed.
    Torn,
    /// SIGTERM to a daemon, which comes back at once.
    Stop,
    /// A daemon is frozen (SIGSTOP) for twice the session time-out.
    Freeze,
    /// kill -9 of the broker, which comes back after a while.
    Broker,
    /// A further member joins.
    Join,
    /// The further member that joined first leaves, by SIGTERM.
    Leave,
    /// Every daemon's component is replaced.
    Swap,
}

impl Kind {
    /// Whether it may cause repeats.
    pub fn is_unclean(self) -> bool {
        matches!(self, Self::Kill | Self::Torn | Self::Freeze | Self::Broker)
    }

    /// About how long it takes until all is well again; only to pace the writer.
    fn lasts(self) -> Duration {
        Duration::from_secs(match self {
            Self::Kill | Self::Torn => 10,
            Self::Freeze => 18,
            Self::Broker => 10,
            Self::Stop | Self::Join | Self::Leave => 3,
            Self::Swap => 1,
        })
    }
}

/// One thing that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What.
    pub kind: Kind,
    /// To which daemon, where it is done to one.
    pub target: usize,
    /// How long whoever was killed stays away.
    pub away: Duration,
    /// How long nothing is done afterwards.
    pub pause: Duration,
}

impl Step {
    /// About how long it takes in all.
    pub fn lasts(&self) -> Duration {
        self.kind.lasts() + self.pause + self.away
    }
}

/// How much of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amounts {
    /// kill -9 of daemons. Of each ten there are four stops, two freezes, one broker's death and two joins and
    /// leaves besides, and at least one of each if there is a kill at all.
    pub kills: usize,
    /// Whether there are transactions to be torn: two for each ten kills.
    pub torn: bool,
    /// Hot swaps.
    pub swaps: usize,
    /// Daemons to choose from.
    pub daemons: usize,
}

/// A schedule that ends.
pub fn plan(amounts: Amounts, seed: u64) -> Vec<Step> {
    let Amounts { kills, swaps, .. } = amounts;
    let mut kinds = Vec::new();
    let mut add = |kind, count| kinds.extend(std::iter::repeat_n(kind, count));
    add(Kind::Kill, kills);
    add(
        Kind::Torn,
        usize::from(amounts.torn) * (2 * kills).div_ceil(10),
    );
    add(Kind::Stop, (4 * kills).div_ceil(10));
    add(Kind::Freeze, (2 * kills).div_ceil(10));
    add(Kind::Broker, kills.div_ceil(10));
    // Which of the two it is follows from the order.
    add(Kind::Join, 2 * (2 * kills).div_ceil(10));
    add(Kind::Swap, swaps);
    let mut random = StdRng::seed_from_u64(seed);
    kinds.shuffle(&mut random);
    let mut present = 0;
    let mut turn = |kind| match kind {
        Kind::Join if present == MOST_FURTHER || (present > 0 && random.random::<bool>()) => {
            present -= 1;
            Kind::Leave
        }
        Kind::Join => {
            present += 1;
            Kind::Join
        }
        kind => kind,
    };
    let kinds: Vec<Kind> = kinds.into_iter().map(&mut turn).collect();
    let steps = kinds.into_iter();
    steps
        .map(|kind| step(kind, 0..amounts.daemons, 500..3_000, &mut random))
        .collect()
}

/// The most further members at a time.
const MOST_FURTHER: usize = 2;

/// Kills alone: they are what a careless consumer loses messages by.
pub fn kills(count: usize, daemons: usize, seed: u64) -> Vec<Step> {
    let mut random = StdRng::seed_from_u64(seed);
    let kill = |_| step(Kind::Kill, 0..daemons, 500..3_000, &mut random);
    (0..count).map(kill).collect()
}

/// SIGTERM to one daemon after another, `rounds` times.
pub fn rolling(daemons: usize, rounds: usize) -> Vec<Step> {
    let step = |target| Step {
        kind: Kind::Stop,
        target,
        away: Duration::ZERO,
        pause: Duration::from_secs(3),
    };
    (0..rounds).flat_map(|_| (0..daemons).map(step)).collect()
}

/// The broker's death and return.
pub fn outage(away: Duration) -> Vec<Step> {
    vec![Step {
        kind: Kind::Broker,
        target: 0,
        away,
        pause: Duration::from_secs(3),
    }]
}

/// A slow schedule without an end. The first daemon is neither killed nor stopped nor frozen: it is the one that is
/// watched.
pub fn soak(daemons: usize, seed: u64) -> impl Iterator<Item = Step> + Clone {
    let mut random = StdRng::seed_from_u64(seed);
    let mut present = false;
    std::iter::from_fn(move || {
        let kind = match random.random_range(0..10) {
            0..3 => Kind::Kill,
            3..5 => Kind::Stop,
            5 => Kind::Freeze,
            6 => Kind::Broker,
            7..9 => Kind::Swap,
            _ => {
                present = !present;
                if present { Kind::Join } else { Kind::Leave }
            }
        };
        Some(step(kind, 1..daemons, 10_000..25_000, &mut random))
    })
}

fn step(
    kind: Kind,
    targets: std::ops::Range<usize>,
    pause: std::ops::Range<u64>,
    random: &mut StdRng,
) -> Step {
    let away = match kind {
        Kind::Kill | Kind::Torn => random.random_range(0..2_000),
        Kind::Broker => random.random_range(500..3_000),
        _ => 0,
    };
    Step {
        kind,
        target: random.random_range(targets),
        away: Duration::from_millis(away),
        pause: Duration::from_millis(random.random_range(pause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn amounts(kills: usize) -> Amounts {
        Amounts {
            kills,
            torn: false,
            swaps: 20,
            daemons: 3,
        }
    }

    fn count(steps: &[Step], kind: Kind) -> usize {
        steps.iter().filter(|step| step.kind == kind).count()
    }

    #[test]
    fn a_seed_gives_one_schedule_and_another_seed_another() {
        assert_eq!(plan(amounts(10), 7), plan(amounts(10), 7));
        assert_ne!(plan(amounts(10), 7), plan(amounts(10), 8));
    }

    #[test]
    fn the_kinds_come_in_a_fixed_proportion() {
        let steps = plan(amounts(100), 1);
        assert_eq!(count(&steps, Kind::Kill), 100);
        assert_eq!(count(&steps, Kind::Stop), 40);
        assert_eq!(count(&steps, Kind::Freeze), 20);
        assert_eq!(count(&steps, Kind::Broker), 10);
        assert_eq!(count(&steps, Kind::Swap), 20);
        assert_eq!(count(&steps, Kind::Join) + count(&steps, Kind::Leave), 40);
        let few = plan(amounts(1), 1);
        assert!(
            [Kind::Stop, Kind::Freeze, Kind::Broker, Kind::Join]
                .iter()
                .all(|kind| count(&few, *kind) >= 1)
        );
    }

    #[test]
    fn transactions_are_torn_only_where_there_are_some() {
        let torn = |torn| {
            let steps = plan(
                Amounts {
                    torn,
                    ..amounts(100)
                },
                1,
            );
            count(&steps, Kind::Torn)
        };
        assert_eq!((torn(false), torn(true)), (0, 20));
    }

    #[test]
    fn nobody_leaves_who_has_not_joined_and_at_most_two_are_there() {
        for seed in 0..100 {
            let mut present = 0_usize;
            for step in plan(amounts(30), seed) {
                match step.kind {
                    Kind::Join => present += 1,
                    Kind::Leave => present = present.checked_sub(1).expect("somebody is there"),
                    _ => {}
                }
                assert!(present <= MOST_FURTHER);
            }
        }
    }

    #[test]
    fn a_soak_leaves_the_first_daemon_alone() {
        for step in soak(3, 5).take(1_000) {
            assert!((1..3).contains(&step.target));
        }
    }
}
