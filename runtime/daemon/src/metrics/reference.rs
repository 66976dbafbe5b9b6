//! `docs/metrics.md` says what is registered. `UPDATE_EXPECT=1` writes it anew.

use std::{collections::BTreeMap, env, fmt::Write, fs, sync::Arc, time::Duration};

use pelton_types::{Failure, FailureKind, Output, RevisionId, TopicPartition, Verdict};

use super::{HandlerMetrics, Made, Metrics, PartitionFigures, forget, standing};
use crate::{
    component::What,
    overview::{Standings, State},
    stall::Place,
    troubles::Troubles,
};

const FILE: &str = "../../docs/metrics.md";

const HEAD: &str = "# Metrics

<!-- Generated from runtime/daemon/src/metrics.rs by `UPDATE_EXPECT=1 cargo test -p pelton-daemon metrics`. -->

`GET /metrics` of the admin address answers in the OpenMetrics text format. Counters count since the daemon was started. \
`handler` is the handler's name, `group` its consumer group: what stands in the configuration bounds every label, and \
what is told of a partition is told by the daemon that it is assigned to. Of a handler that is removed from the \
configuration nothing is told any more.

[config/alerts.yml](../config/alerts.yml) has alert rules and [config/grafana.json](../config/grafana.json) a dashboard; \
[operating.md](operating.md) says what to do.

";

/// Lets a handler be counted in every way there is.
pub(super) fn count_everything(handler: &HandlerMetrics, partitions: &[i32], revision: RevisionId) {
    for kind in FailureKind::ALL {
        let failed = Verdict::Failed(Failure::new(kind, "why"));
        handler.called(&[failed], Duration::ZERO, Duration::ZERO);
        handler.retried(kind);
    }
    let mut made = Made::default();
    made.extend(&[Output::default()]);
    handler.outputs(&mut made);
    handler.finished(Duration::ZERO, 1);
    forget::ENDINGS
        .into_iter()
        .for_each(|how| handler.ended(how));
    forget::OUTCOMES
        .into_iter()
        .for_each(|how| handler.transaction(how));
    What::ALL
        .into_iter()
        .for_each(|what| handler.transition(what));
    for &partition in partitions {
        handler.partition(&PartitionFigures::example(partition));
    }
    handler.stalled(Place::ALL.map(|place| (place.as_str(), 1)));
    handler.swapped(None, revision.to_string());
}

/// A family, as it is told.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    unit: String,
    help: String,
    /// By the names of the samples: the values of each label.
    samples: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// The families in the order in which they are told.
fn families(text: &str) -> Vec<(String, Family)> {
    let mut families: Vec<(String, Family)> = Vec::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        let (first, second, name) = (words.next(), words.next(), words.next());
        let rest = words.next().unwrap_or_default().to_owned();
        match (first, second, name) {
            (Some("#"), Some("HELP"), Some(name)) => {
                let help = rest.strip_suffix('.').unwrap_or(&rest).to_owned();
                let family = Family {
                    help,
                    ..Family::default()
                };
                families.push((name.to_owned(), family));
            }
            (Some("#"), Some(what), Some(_)) => {
                let (_, family) = families.last_mut().expect("HELP comes first");
                match what {
                    "TYPE" => family.kind = rest,
                    "UNIT" => family.unit = rest,
                    other => panic!("{other}"),
                }
            }
            _ if line.starts_with("# EOF") => {}
            _ => {
                let (_, family) = families.last_mut().expect("HELP comes first");
                sample(line, family);
            }
        }
    }
    families
}

/// Values of these tests have no comma, brace or blank in them.
fn sample(line: &str, family: &mut Family) {
    let (series, _) = line
        .split_once("} ")
        .or_else(|| line.split_once(' '))
        .expect("a value");
    let (name, labels) = series.split_once('{').unwrap_or((series, ""));
    let all = family.samples.entry(name.to_owned()).or_default();
    for pair in labels.split(',').filter(|pair| !pair.is_empty()) {
        let (label, value) = pair.split_once('=').expect("a label");
        let values = all.entry(label.to_owned()).or_default();
        let value = value.trim_matches('"').to_owned();
        if !values.contains(&value) {
            values.push(value);
            values.sort();
        }
    }
}

/// Labels whose values the configuration decides, and the bounds of buckets.
const OPEN: [&str; 7] = [
    "le",
    "handler",
    "group",
    "topic",
    "partition",
    "revision",
    "version",
];

fn reference(families: &[(String, Family)]) -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| metric | type | unit | labels | what |\n|---|---|---|---|---|\n");
    for (family, told) in families {
        for (name, labels) in &told.samples {
            let labels: Vec<String> = ["handler", "group", "topic"]
                .into_iter()
                .filter(|name| labels.contains_key(*name))
                .chain(
                    labels
                        .keys()
                        .map(String::as_str)
                        .filter(|name| !["handler", "group", "topic"].contains(name)),
                )
                .map(|name| match OPEN.contains(&name) {
                    true => format!("`{name}`"),
                    false => format!("`{name}`: {}", labels[name].join(", ")),
                })
                .collect();
            let unit = match told.unit.as_str() {
                "" if family.ends_with("_messages") => "messages",
                unit => unit,
            };
            let (kind, help) = (&told.kind, &told.help);
            let _ = writeln!(
                text,
                "| `{name}` | {kind} | {unit} | {} | {help} |",
                labels.join("<br>")
            );
        }
    }
    text
}

/// Everything that a daemon with one handler tells.
fn told() -> String {
    let metrics = Arc::new(Metrics::default().with_compilations(Default::default));
    count_everything(&metrics.handler("h", "g"), &[0], RevisionId([7; 32]));
    let standings = Standings {
        handler: "h".to_owned(),
        group: "g".to_owned(),
        state: State::Running,
        troubles: vec![],
        waiting: vec![(TopicPartition::new("t", 0), Duration::ZERO)],
        memory: Some((1, 2)),
    };
    let process = standing::Process {
        ready: true,
        live: true,
        troubles: &Troubles::default(),
    };
    metrics.encode_with(&standing::registry(&process, vec![standings]))
}

#[test]
fn the_reference_says_what_is_registered() {
    let families = families(&told());
    for (name, family) in &families {
        // A family without a sample would be missing in the reference, and its labels unknown.
        assert!(!family.samples.is_empty(), "{name} is never counted here");
        assert!(
            !family.help.is_empty() && !family.kind.is_empty(),
            "{name}: {family:?}"
        );
    }
    let text = reference(&families);
    if env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(FILE, &text).expect("a writable file");
    }
    let stands = fs::read_to_string(FILE).unwrap_or_default();
    assert!(
        stands == text,
        "docs/metrics.md is out of date: run `UPDATE_EXPECT=1 cargo test -p pelton-daemon metrics`"
    );
}

#[test]
fn names_and_units_are_as_prometheus_and_openmetrics_want_them() {
    for (name, family) in families(&told()) {
        let well = name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        assert!(well && name.starts_with("pelton_"), "{name}");
        assert!(
            !name.ends_with("_total") && !name.contains("milli"),
            "{name}"
        );
        if !family.unit.is_empty() {
            assert!(
                ["seconds", "bytes"].contains(&&*family.unit),
                "{name}: {}",
                family.unit
            );
            assert!(name.ends_with(&format!("_{}", family.unit)), "{name}");
        }
        for (sample, labels) in &family.samples {
            let suffixes: &[_] = match &*family.kind {
                "counter" => &["_total"],
                "info" => &["_info"],
                "histogram" => &["_bucket", "_count", "_sum"],
                _ => &[""],
            };
            let named = |suffix: &&str| *sample == format!("{name}{suffix}");
            assert!(suffixes.iter().any(named), "{name}: {sample}");
            // What is told of a partition is named as other exporters name it.
            if labels.contains_key("partition") {
                assert!(
                    labels.contains_key("topic") && labels.contains_key("group"),
                    "{name}"
                );
            }
        }
    }
}
