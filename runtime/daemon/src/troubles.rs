//! What is wrong with the daemon itself, beside its handlers. None of it keeps messages from moving, so none of it makes
//! the daemon unready; but somebody has to know.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;

/// What something is wrong with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    Configuration,
    Cache,
    Clock,
}

impl About {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::Configuration, Self::Cache, Self::Clock];

    /// As it stands in labels.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Cache => "cache",
            Self::Clock => "clock",
        }
    }
}

/// What is wrong at the moment, in words. Copies are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Troubles(Arc<Mutex<BTreeMap<About, String>>>);

impl Troubles {
    /// Something is wrong; whether that is new.
    pub(crate) fn set(&self, about: About, why: String) -> bool {
        self.0.lock().insert(about, why).is_none()
    }

    /// Nothing is; whether something was.
    pub(crate) fn clear(&self, about: About) -> bool {
        self.0.lock().remove(&about).is_some()
    }

    /// All that is wrong.
    pub(crate) fn all(&self) -> BTreeMap<About, String> {
        self.0.lock().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_new_once_and_over_once() {
        let troubles = Troubles::default();
        assert!(!troubles.clear(About::Clock));
        assert!(troubles.set(About::Clock, "a".to_owned()));
        assert!(!troubles.set(About::Clock, "b".to_owned()));
        assert!(troubles.set(About::Cache, "c".to_owned()));
        let all: Vec<_> = troubles.all().into_values().collect();
        assert_eq!(all, ["c", "b"]);
        assert!(troubles.clear(About::Clock));
        assert_eq!(troubles.all().len(), 1);
    }
}
