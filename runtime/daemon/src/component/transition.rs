//! Transitions of a handler's revisions, as they are counted and as people are told of them later.

use pelton_revisions::{Command, Refusal};
use pelton_types::hex;

/// What kind of transition, as a metric's label says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Runs,
    SwappedIn,
    OnProbation,
    Vote,
    Confirmed,
    RolledBack,
    Refused,
    FileGone,
    KeptUsed,
}

impl What {
    pub(crate) const ALL: [Self; 9] = [
        Self::Runs,
        Self::SwappedIn,
        Self::OnProbation,
        Self::Vote,
        Self::Confirmed,
        Self::RolledBack,
        Self::Refused,
        Self::FileGone,
        Self::KeptUsed,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Runs => "runs",
            Self::SwappedIn => "swapped-in",
            Self::OnProbation => "on-probation",
            Self::Vote => "vote",
            Self::Confirmed => "confirmed",
            Self::RolledBack => "rolled-back",
            Self::Refused => "refused",
            Self::FileGone => "file-gone",
            Self::KeptUsed => "kept-used",
        }
    }
}

/// The transition that a command is, in words; `None` where it is none.
pub(super) fn transition(command: &Command) -> Option<(What, String)> {
    Some(match command {
        Command::Swap { to, from: None } => (What::Runs, format!("revision {to} runs")),
        Command::Swap {
            to,
            from: Some(from),
        } => (
            What::SwappedIn,
            format!("revision {to} swapped in for {from}"),
        ),
        Command::Probation { revision, .. } => (
            What::OnProbation,
            format!("revision {revision} is on probation"),
        ),
        Command::Vote {
            revision,
            votes,
            of,
        } => (
            What::Vote,
            format!("vote {votes} of {of} against revision {revision}"),
        ),
        Command::Confirm { revision } => (
            What::Confirmed,
            format!("revision {revision} has passed its probation"),
        ),
        Command::RollBack { from, to, why } => (
            What::RolledBack,
            format!("revision {from} rolled back to {to}: {why}"),
        ),
        Command::Refuse(Refusal { digest, why }) => (
            What::Refused,
            format!("component {:.12} refused: {why}", hex(digest)),
        ),
        Command::Missing => (What::FileGone, "component file is gone".to_owned()),
        Command::UseKept { digest, as_it_was } => {
            let how = match as_it_was {
                true => ", as it was configured before",
                false => "",
            };
            let what = format!("component {:.12} is used instead{how}", hex(digest));
            (What::KeptUsed, what)
        }
        Command::Load { .. }
        | Command::LoadKept { .. }
        | Command::Trial { .. }
        | Command::Remember(_)
        | Command::Retire { .. } => return None,
    })
}
