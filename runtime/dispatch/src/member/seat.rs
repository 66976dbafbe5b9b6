//! What a member knows of one of its partitions.

use crate::{Checkpoint, Outcome};

/// A partition's place in the transaction.
#[derive(Debug)]
pub(super) struct Seat {
    /// What is committed of it, as far as is known.
    committed: Checkpoint,
    /// What was said to be committed with the present transaction.
    said: Said,
    /// What is to be committed with the next one.
    next: Option<Checkpoint>,
    /// It hands over nothing any more, and is forgotten when the transaction has ended.
    given_up: bool,
    /// Someone else may own it already.
    lost: bool,
    /// Something of it takes part in the present transaction, or will in the next.
    takes_part: bool,
}

#[derive(Debug)]
enum Said {
    /// It hands over as it likes.
    Nothing,
    /// It was asked.
    Asked,
    Checkpoint(Option<Checkpoint>),
}

impl Seat {
    pub fn new(committed: Checkpoint) -> Self {
        Self {
            committed,
            said: Said::Checkpoint(None),
            next: None,
            given_up: false,
            lost: false,
            takes_part: false,
        }
    }

    pub fn committed(&self) -> &Checkpoint {
        &self.committed
    }

    pub fn is_given_up(&self) -> bool {
        self.given_up
    }

    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// It is someone else's, and the checkpoint that it gave is on its way.
    pub fn lose(&mut self) {
        (self.given_up, self.lost) = (true, true);
        self.next = None;
    }

    pub fn takes_part(&self) -> bool {
        self.takes_part
    }

    pub fn progressed(&mut self) {
        self.takes_part = true;
    }

    /// Whether it has to be asked to seal.
    pub fn begin_seal(&mut self) -> bool {
        let asks = matches!(self.said, Said::Nothing);
        if asks {
            self.said = Said::Asked;
        }
        asks
    }

    /// It was sealed. Ignored where nobody asked.
    pub fn sealed(&mut self, checkpoint: Option<Checkpoint>) {
        if matches!(self.said, Said::Asked) {
            self.said = Said::Checkpoint(checkpoint);
        }
    }

    /// It has ended; this is the last that is to be committed of it. Where the present transaction is `ending`
    /// already, that is for the next.
    pub fn drained(&mut self, last: Option<Checkpoint>, ending: bool) {
        self.given_up = true;
        match (last, ending) {
            (Some(last), true) => self.next = Some(last),
            (Some(last), false) => self.said = Said::Checkpoint(Some(last)),
            (None, _) if !self.is_sealed() => self.said = Said::Checkpoint(None),
            (None, _) => {}
        }
    }

    pub fn is_sealed(&self) -> bool {
        matches!(self.said, Said::Checkpoint(_))
    }

    /// What is to be committed of it.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        match &self.said {
            Said::Checkpoint(checkpoint) => checkpoint.clone(),
            Said::Nothing | Said::Asked => None,
        }
    }

    /// The transaction has ended, another one begins. Returns whether it has a part in that.
    pub fn begin_transaction(&mut self, outcome: Outcome) -> bool {
        if let Said::Checkpoint(Some(said)) = std::mem::replace(&mut self.said, Said::Nothing)
            && outcome == Outcome::Committed
        {
            self.committed = said;
        }
        self.takes_part = false;
        // What was to follow an aborted transaction counted on it.
        if let Some(next) = self.next.take()
            && outcome == Outcome::Committed
        {
            self.said = Said::Checkpoint(Some(next));
            return true;
        }
        !self.given_up
    }
}
