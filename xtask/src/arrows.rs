//! The architecture, held by a check: which room may know which, and which library has one door only.
//!
//! Read from `cargo metadata`, so that it judges what is built and not what somebody wrote about it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::shell;

/// For each crate of the workspace the crates of the workspace it may name.
/// types <- config, dispatch, revisions, engine, kafka <- daemon <- admin <- cli, and
/// types, config, engine <- fixtures <- daemon, cli, and types, config, kafka <- operator <- admin, cli.
const ROOMS: &[(&str, &[&str])] = &[
    ("pelton-types", &[]),
    ("pelton-codec", &[]),
    ("pelton-toolchain", &[]),
    ("pelton-config", &["pelton-types"]),
    ("pelton-dispatch", &["pelton-types"]),
    ("pelton-revisions", &["pelton-types"]),
    ("pelton-engine", &["pelton-types", "pelton-codec"]),
    ("pelton-kafka", &["pelton-types"]),
    (
        "pelton-daemon",
        &[
            "pelton-types",
            "pelton-config",
            "pelton-dispatch",
            "pelton-revisions",
            "pelton-engine",
            "pelton-kafka",
            "pelton-fixtures",
        ],
    ),
    // Dead letters are the operator's, for who has a page before them as for who has a terminal.
    (
        "pelton-admin",
        &["pelton-types", "pelton-daemon", "pelton-operator"],
    ),
    (
        "pelton-fixtures",
        &["pelton-types", "pelton-config", "pelton-engine"],
    ),
    (
        "pelton-operator",
        &["pelton-types", "pelton-config", "pelton-kafka"],
    ),
    (
        "pelton",
        &[
            "pelton-types",
            "pelton-config",
            "pelton-engine",
            "pelton-kafka",
            "pelton-daemon",
            "pelton-admin",
            "pelton-fixtures",
            "pelton-operator",
            "pelton-toolchain",
        ],
    ),
    // The tests' own client must share nothing with Pelton's, or both would be wrong together;
    // the simulator only replays what was recorded.
    ("pelton-harness", &["pelton-simulator"]),
    (
        "pelton-simulator",
        &["pelton-types", "pelton-dispatch", "pelton-revisions"],
    ),
    // Its writer, its reader and the careless consumer are plain librdkafka too.
    ("pelton-chaos", &["pelton-harness"]),
    // So are the bench's writer, reader and hand-written loop.
    ("pelton-bench-work", &[]),
    // Knows its rooms only in its benches.
    ("pelton-bench-rooms", &[]),
    (
        "pelton-bench-counted",
        &["pelton-types", "pelton-codec", "pelton-dispatch"],
    ),
    (
        "pelton-benchmarks",
        &["pelton-harness", "pelton-bench-work"],
    ),
    // The demo checks what came out with a client of its own too.
    ("pelton-demo", &["pelton-toolchain"]),
    ("xtask", &["pelton-toolchain"]),
];

/// Libraries that only these crates of the workspace may name.
const DOORS: &[(&str, &[&str])] = &[
    (
        "rdkafka",
        &[
            "pelton-kafka",
            "pelton-harness",
            "pelton-chaos",
            "pelton-benchmarks",
            "pelton-demo",
        ],
    ),
    // The harness counts the faults of the mock cluster, of which rdkafka's safe interface says nothing.
    ("rdkafka-sys", &["pelton-kafka", "pelton-harness"]),
    ("wasmtime", &["pelton-engine"]),
    ("wasmtime-wasi", &["pelton-engine"]),
    ("wit-component", &["pelton-engine"]),
    ("wasm-metadata", &["pelton-engine"]),
    ("wasmparser", &["pelton-engine"]),
    ("axum", &["pelton-admin"]),
];

/// Crates that must stay pure, and what none of them may reach by any way.
const PURE: &[&str] = &[
    "pelton-types",
    "pelton-dispatch",
    "pelton-revisions",
    "pelton-codec",
    "pelton-simulator",
];
const IMPURE: &[&str] = &[
    "rdkafka",
    "rdkafka-sys",
    "wasmtime",
    "tokio",
    "mio",
    "socket2",
    "axum",
];

/// For each crate the crates it depends on to run (not to be tested or built).
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Checks every arrow.
///
/// # Errors
/// When one points where it must not; all of those are named.
pub fn check() -> Result<()> {
    let text = shell::output(shell::command(
        "cargo",
        &["metadata", "--format-version", "1", "--locked"],
    ))?;
    let metadata: Value = serde_json::from_str(&text)?;
    let (graph, members) = graph(&metadata).context("cargo metadata looks other than expected")?;
    let found = violations(&graph, &members);
    ensure!(
        found.is_empty(),
        "{} arrows point where they must not:\n  {}",
        found.len(),
        found.join("\n  ")
    );
    println!("{} crates, every arrow as it should be", members.len());
    Ok(())
}

/// The dependency graph by names, and the workspace's crates.
fn graph(metadata: &Value) -> Option<(Graph, BTreeSet<String>)> {
    let name_of: BTreeMap<&str, &str> = array(&metadata["packages"])?
        .iter()
        .filter_map(|package| Some((package["id"].as_str()?, package["name"].as_str()?)))
        .collect();
    let named = |id: &Value| Some((*name_of.get(id.as_str()?)?).to_owned());
    let mut graph = Graph::new();
    for node in array(&metadata["resolve"]["nodes"])? {
        let edges = graph.entry(named(&node["id"])?).or_default();
        for dependency in array(&node["deps"])? {
            // `kind` is null for what is needed to run, else "dev" or "build".
            if array(&dependency["dep_kinds"])?
                .iter()
                .any(|kind| kind["kind"].is_null())
            {
                edges.insert(named(&dependency["pkg"])?);
            }
        }
    }
    let members = array(&metadata["workspace_members"])?
        .iter()
        .filter_map(named)
        .collect();
    Some((graph, members))
}

/// Every arrow that points where it must not.
fn violations(graph: &Graph, members: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    let none = BTreeSet::new();
    for member in members {
        let edges = graph.get(member).unwrap_or(&none);
        let Some((_, allowed)) = ROOMS.iter().find(|(room, _)| room == member) else {
            found.push(format!(
                "{member} has no place in the table of rooms (xtask/src/arrows.rs)"
            ));
            continue;
        };
        let inner = edges
            .iter()
            .filter(|edge| members.contains(*edge) && !allowed.contains(&edge.as_str()));
        found.extend(inner.map(|edge| format!("{member} must not know {edge}")));
        for (library, users) in DOORS {
            if edges.contains(*library) && !users.contains(&member.as_str()) {
                found.push(format!(
                    "{member} must not name {library}: that is for {}",
                    users.join(" and ")
                ));
            }
        }
    }
    for pure in PURE {
        let reached = reachable(graph, pure);
        let impure = IMPURE.iter().filter(|library| reached.contains(**library));
        found.extend(
            impure.map(|library| format!("{pure} must stay pure, but it reaches {library}")),
        );
    }
    found
}

/// Everything that a crate depends on, directly or not.
fn reachable(graph: &Graph, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(name) = open.pop() {
        for edge in graph.get(&name).into_iter().flatten() {
            if reached.insert(edge.clone()) {
                open.push(edge.clone());
            }
        }
    }
    reached
}

/// The elements of an array.
fn array(value: &Value) -> Option<&Vec<Value>> {
    value.as_array()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(edges: &[(&str, &str)]) -> Vec<String> {
        let mut graph = Graph::new();
        for (from, to) in edges {
            graph
                .entry((*from).to_owned())
                .or_default()
                .insert((*to).to_owned());
        }
        let members = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
        violations(&graph, &members)
    }

    #[test]
    fn allows_what_the_design_allows() {
        assert!(
            judge(&[
                ("pelton-daemon", "pelton-kafka"),
                ("pelton-kafka", "rdkafka"),
                ("rdkafka", "tokio")
            ])
            .is_empty()
        );
    }

    #[test]
    fn names_an_arrow_that_points_the_wrong_way() {
        assert_eq!(
            judge(&[("pelton-kafka", "pelton-daemon")]),
            ["pelton-kafka must not know pelton-daemon"]
        );
    }

    #[test]
    fn names_a_library_used_past_its_door() {
        let found = judge(&[("pelton-daemon", "wasmtime")]);
        assert_eq!(
            found,
            ["pelton-daemon must not name wasmtime: that is for pelton-engine"]
        );
    }

    #[test]
    fn finds_an_impurity_however_far_away() {
        let found = judge(&[
            ("pelton-dispatch", "helper"),
            ("helper", "other"),
            ("other", "tokio"),
        ]);
        assert_eq!(
            found[0],
            "pelton-dispatch must stay pure, but it reaches tokio"
        );
    }
}
