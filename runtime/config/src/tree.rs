//! The parsed file with the place of every key, before it becomes typed.
//!
//! Invariant: every key that is blamed is removed and remembered as broken, so that one mistake is reported once
//! and reading goes on behind it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use crate::key::Key;

/// Where a key and its value stand.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    /// The key's name.
    pub key: Range<usize>,
    /// Its value; for a table the key's name, because a table may be spread over the file.
    pub value: Range<usize>,
}

/// The parsed file.
pub(crate) struct Tree<'s> {
    root: Spanned<DeTable<'s>>,
    spots: BTreeMap<Key, Spot>,
    broken: BTreeSet<Key>,
}

impl<'s> Tree<'s> {
    /// The tree of a parsed file.
    pub fn new(mut root: Spanned<DeTable<'s>>, source: &str) -> Self {
        flatten_properties(root.get_mut(), source);
        let mut spots = BTreeMap::new();
        record_table(&Key::default(), root.get_ref(), &mut spots);
        Self {
            root,
            spots,
            broken: BTreeSet::new(),
        }
    }

    /// A copy of what is left, for serde.
    pub fn root(&self) -> Spanned<DeTable<'s>> {
        self.root.clone()
    }

    /// Where a key stands, if it is in the file.
    pub fn spot(&self, key: &Key) -> Option<&Spot> {
        self.spots.get(key)
    }

    /// Where a key stands, or else the nearest table around it that is in the file.
    pub fn nearest(&self, key: &Key) -> Option<&Spot> {
        self.spot(key).or_else(|| self.nearest(&key.parent()?))
    }

    /// Whether the key, or something above or below it, was blamed already.
    pub fn is_broken(&self, key: &Key) -> bool {
        self.broken.iter().any(|broken| broken.overlaps(key))
    }

    /// The key that an error's span is about: the deepest whose name or value is exactly there.
    pub fn at(&self, span: &Range<usize>) -> Option<Key> {
        let exact = |spot: &Spot| spot.value == *span || spot.key == *span;
        let found = self.spots.iter().filter(|(_, spot)| exact(spot));
        found
            .max_by_key(|(key, _)| key.0.len())
            .map(|(key, _)| key.clone())
    }

    /// Takes the key out of the tree and remembers it. `false` if it is not there any more.
    pub fn blame(&mut self, key: &Key) -> bool {
        let Some((last, above)) = key.0.split_last() else {
            return false;
        };
        self.broken.insert(key.clone());
        let mut table = self.root.get_mut();
        for (depth, segment) in above.iter().enumerate() {
            match table.get_mut(segment.as_str()).map(Spanned::get_mut) {
                Some(DeValue::Table(inner)) => table = inner,
                // An array with a bad element is given up as a whole.
                Some(_) => {
                    let array = Key(above[..=depth].to_vec());
                    return self.blame(&array);
                }
                None => return false,
            }
        }
        table.remove(last.as_str()).is_some()
    }

    /// Every string value, with its key and place, to be changed.
    pub fn for_each_string(&mut self, visit: &mut impl FnMut(&Key, Range<usize>, &mut String)) {
        strings_of_table(&Key::default(), self.root.get_mut(), visit);
    }
}

fn record_table(at: &Key, table: &DeTable<'_>, spots: &mut BTreeMap<Key, Spot>) {
    for (name, value) in table.iter() {
        record(
            at.join(name.get_ref().as_ref()),
            Some(name.span()),
            value,
            spots,
        );
    }
}

fn record(
    key: Key,
    name: Option<Range<usize>>,
    value: &Spanned<DeValue<'_>>,
    spots: &mut BTreeMap<Key, Spot>,
) {
    match value.get_ref() {
        DeValue::Table(table) => record_table(&key, table, spots),
        DeValue::Array(array) => {
            for (position, element) in array.iter().enumerate() {
                record(key.join(position.to_string()), None, element, spots);
            }
        }
        _ => {}
    }
    let name = name.unwrap_or_else(|| value.span());
    let value = if value.get_ref().is_table() {
        name.clone()
    } else {
        value.span()
    };
    spots.insert(key, Spot { key: name, value });
}

fn strings_of_table(
    at: &Key,
    table: &mut DeTable<'_>,
    visit: &mut impl FnMut(&Key, Range<usize>, &mut String),
) {
    for (name, value) in table.iter_mut() {
        strings_of(&at.join(name.get_ref().as_ref()), value, visit);
    }
}

fn strings_of(
    key: &Key,
    value: &mut Spanned<DeValue<'_>>,
    visit: &mut impl FnMut(&Key, Range<usize>, &mut String),
) {
    let span = value.span();
    match value.get_mut() {
        DeValue::String(text) => visit(key, span, text.to_mut()),
        DeValue::Table(table) => strings_of_table(key, table, visit),
        DeValue::Array(array) => {
            for (position, element) in array.iter_mut().enumerate() {
                strings_of(&key.join(position.to_string()), element, visit);
            }
        }
        _ => {}
    }
}

/// `sasl.mechanism = "PLAIN"` in a table of librdkafka properties means the property `sasl.mechanism`,
/// although TOML reads it as a table in a table.
fn flatten_properties(root: &mut DeTable<'_>, source: &str) {
    for (section, tables) in [
        ("clusters", ["properties"].as_slice()),
        (
            "handlers",
            ["consumer-properties", "producer-properties"].as_slice(),
        ),
    ] {
        let Some(DeValue::Table(named)) = root.get_mut(section).map(Spanned::get_mut) else {
            continue;
        };
        for (_, entry) in named.iter_mut() {
            let DeValue::Table(entry) = entry.get_mut() else {
                continue;
            };
            for table in tables {
                if let Some(DeValue::Table(properties)) =
                    entry.get_mut(*table).map(Spanned::get_mut)
                {
                    let nested = std::mem::take(properties);
                    flatten("", nested, properties, source);
                }
            }
        }
    }
}

fn flatten<'s>(prefix: &str, nested: DeTable<'s>, flat: &mut DeTable<'s>, source: &str) {
    for (name, value) in nested {
        let full = if prefix.is_empty() {
            name.get_ref().to_string()
        } else {
            format!("{prefix}.{}", name.get_ref())
        };
        let span = value.span();
        match value.into_inner() {
            DeValue::Table(inner) => flatten(&full, inner, flat, source),
            other => {
                let mut key = name.span();
                // Written in one piece, as it mostly is, the whole of it is the key's place.
                if source
                    .get(..key.end)
                    .is_some_and(|before| before.ends_with(&full))
                {
                    key.start = key.end - full.len();
                }
                flat.insert(Spanned::new(key, full.into()), Spanned::new(span, other));
            }
        }
    }
}
