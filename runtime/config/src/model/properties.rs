//! Maps whose values may be secret: they never print one.

use std::{collections::BTreeMap, fmt};

use pelton_types::is_secret_property;

/// librdkafka properties. `Debug` hides the values of those that hold secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Properties(BTreeMap<String, String>);

impl Properties {
    /// Properties from a map.
    pub fn new(map: BTreeMap<String, String>) -> Self {
        Self(map)
    }

    /// The same with one more, or another value of one.
    pub(crate) fn with(mut self, name: &str, value: String) -> Self {
        self.0.insert(name.to_owned(), value);
        self
    }

    /// Name and value of each, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All of them, as clients take them.
    pub fn to_map(&self) -> BTreeMap<String, String> {
        self.0.clone()
    }

    /// The same with a client's own laid over them.
    pub fn overlaid(&self, own: &Self) -> BTreeMap<String, String> {
        let mut map = self.to_map();
        map.extend(own.to_map());
        map
    }

    /// The value of one property.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.iter().map(|(name, value)| {
            (
                name,
                if is_secret_property(name) {
                    "(hidden)"
                } else {
                    value
                },
            )
        });
        f.debug_map().entries(shown).finish()
    }
}

/// What a guest reads through `settings`. `Debug` names the keys only: any value may be a secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Settings from a map.
    pub fn new(map: BTreeMap<String, String>) -> Self {
        Self(map)
    }

    /// All of them, sorted by key.
    pub fn as_map(&self) -> &BTreeMap<String, String> {
        &self.0
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.keys().map(|key| (key, "(hidden)")))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let map = [
            ("sasl.password", "hunter2"),
            ("ssl.key.pem", "-----BEGIN"),
            ("client.rack", "r1"),
        ];
        let map: BTreeMap<_, _> = map
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_string()))
            .collect();
        let shown = format!(
            "{:?} {:?}",
            Properties::new(map.clone()),
            Settings::new(map)
        );
        assert!(
            !shown.contains("hunter2") && !shown.contains("BEGIN"),
            "{shown}"
        );
        assert!(shown.contains("r1"), "{shown}");
    }
}
