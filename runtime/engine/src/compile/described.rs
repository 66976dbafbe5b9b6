//! What a core module says about its types, looked at before the encoder is.
//!
//! The encoder follows packages to those they depend on. Where a damaged file has them lead in a circle it
//! never ends, and a stack that overflows takes the process along, which nothing can catch. So such a file must
//! not reach it.

use std::collections::{HashMap, HashSet};

use super::sections::{CUSTOM, counted, sections};

/// Names of the sections that have component-type information.
const SECTION: &str = "component-type";
/// The first byte of a section in the format that was in use before 2023.
const HISTORICAL: u8 = 3;

/// Whether the module, which is valid, has component-type information. An error says what is wrong with it.
pub(super) fn check(module: &[u8]) -> Result<bool, String> {
    let mut packages: HashMap<String, HashSet<String>> = HashMap::new();
    let mut found = false;
    for data in component_types(module) {
        found = true;
        if data.first() == Some(&HISTORICAL) {
            return Err("its types are written in a format that is no longer read".to_owned());
        }
        let (resolve, _) =
            wit_parser::decoding::decode_world(data).map_err(|error| format!("{error:#}"))?;
        for (id, package) in resolve.packages.iter() {
            let needs = packages.entry(package.name.to_string()).or_default();
            for other in resolve.package_direct_deps(id) {
                needs.insert(resolve.packages[other].name.to_string());
            }
        }
    }
    match circle(packages) {
        Some(name) => Err(format!("its types' package {name} depends on itself")),
        None => Ok(found),
    }
}

/// The contents of the sections with component-type information.
fn component_types(module: &[u8]) -> impl Iterator<Item = &[u8]> {
    sections(module)
        .filter(|(id, _)| *id == CUSTOM)
        .filter_map(|(_, body)| counted(body))
        .filter(|(name, _)| name.starts_with(SECTION.as_bytes()))
        .map(|(_, data)| data)
}

/// A package that is in a circle or needs one that is.
fn circle(mut packages: HashMap<String, HashSet<String>>) -> Option<String> {
    loop {
        let sound: HashSet<String> = packages
            .iter()
            .filter(|(_, needs)| needs.iter().all(|name| !packages.contains_key(name)))
            .map(|(name, _)| name.clone())
            .collect();
        if sound.is_empty() {
            return packages.into_keys().min();
        }
        packages.retain(|name, _| !sound.contains(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> HashMap<String, HashSet<String>> {
        let owned = |name: &&str| (*name).to_owned();
        edges
            .iter()
            .map(|(name, needs)| (owned(name), needs.iter().map(owned).collect()))
            .collect()
    }

    #[test]
    fn circles_are_found() {
        assert_eq!(circle(graph(&[])), None);
        assert_eq!(
            circle(graph(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &[])])),
            None
        );
        assert_eq!(circle(graph(&[("a", &["absent"])])), None);
        let two = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]);
        assert_eq!(circle(two).as_deref(), Some("a"));
        assert_eq!(circle(graph(&[("a", &["a"])])).as_deref(), Some("a"));
    }
}
