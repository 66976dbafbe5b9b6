//! Settings of the thread.

use std::{cell::RefCell, collections::BTreeMap};

thread_local! {
    static SETTINGS: RefCell<BTreeMap<String, String>> = const { RefCell::new(BTreeMap::new()) };
}

pub(super) fn set(key: String, value: String) {
    SETTINGS.with_borrow_mut(|settings| settings.insert(key, value));
}

pub(crate) fn get(key: &str) -> Option<String> {
    SETTINGS.with_borrow(|settings| settings.get(key).cloned())
}

pub(crate) fn all() -> Vec<(String, String)> {
    SETTINGS.with_borrow(|settings| settings.clone().into_iter().collect())
}
