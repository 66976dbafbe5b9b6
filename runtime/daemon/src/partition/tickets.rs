//! What was handed over and is not answered yet, by number.
//!
//! Numbers rise by one and answers come nearly in their order, so that a row with gaps does: each message takes and
//! gives back a place in it, which a map would hash five times.
//!
//! Invariant: no number is given twice, and the first place of the row is taken.

use std::collections::VecDeque;

pub(super) struct Tickets<T> {
    /// The number of the first place.
    first: u64,
    row: VecDeque<Option<T>>,
    open: usize,
}

impl<T> Default for Tickets<T> {
    fn default() -> Self {
        Self {
            first: 0,
            row: VecDeque::new(),
            open: 0,
        }
    }
}

impl<T> Tickets<T> {
    pub(super) fn open(&mut self, ticket: T) -> u64 {
        let number = self.first + self.row.len() as u64;
        self.row.push_back(Some(ticket));
        self.open += 1;
        number
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.place(number)?.as_mut()
    }

    pub(super) fn close(&mut self, number: u64) -> Option<T> {
        let closed = self.place(number)?.take()?;
        self.open -= 1;
        while self.row.pop_front_if(|place| place.is_none()).is_some() {
            self.first += 1;
        }
        Some(closed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open == 0
    }

    /// Forgets those that are open.
    pub(super) fn clear(&mut self) {
        self.first += self.row.len() as u64;
        self.row.clear();
        self.open = 0;
    }

    fn place(&mut self, number: u64) -> Option<&mut Option<T>> {
        let index = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.row.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_closed_once_in_any_order() {
        let mut tickets = Tickets::default();
        let numbers = ["a", "b", "c"].map(|ticket| tickets.open(ticket));
        assert_eq!(numbers, [0, 1, 2]);
        assert_eq!(tickets.close(1), Some("b"));
        assert_eq!((tickets.close(1), tickets.get_mut(1)), (None, None));
        assert_eq!(tickets.close(0), Some("a"));
        assert_eq!(
            tickets.row.len(),
            1,
            "no place is kept before the first open one"
        );
        assert_eq!((tickets.open("d"), tickets.is_empty()), (3, false));
        assert_eq!((tickets.close(2), tickets.close(3)), (Some("c"), Some("d")));
        assert!(tickets.is_empty() && tickets.row.is_empty());
    }

    #[test]
    fn what_was_forgotten_is_answered_in_vain() {
        let mut tickets = Tickets::default();
        tickets.open("a");
        tickets.clear();
        assert!(tickets.is_empty());
        assert_eq!(tickets.close(0), None);
        assert_eq!(tickets.open("b"), 1);
    }
}
