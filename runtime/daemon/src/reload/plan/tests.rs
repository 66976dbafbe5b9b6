//! What follows from which difference.

use std::path::Path;

use super::*;

const BASE: &str = r#"
[clusters.default]
bootstrap-servers = ["kafka:9092"]
[clusters.other]
bootstrap-servers = ["other:9092"]
[handlers.a]
component = "a.wasm"
topics = ["a-in"]
outputs = ["a-out"]
[handlers.b]
component = "b.wasm"
topics = ["b-in"]
cluster = "other"
settings = { greeting = "hello" }
[handlers.c]
component = "c.wasm"
topics = ["c-in"]
"#;

fn config(text: &str) -> Config {
    pelton_config::parse(text, Path::new("pelton.toml"), &|_| None).unwrap()
}

/// The configuration with something replaced in it.
fn with(from: &str, to: &str) -> Config {
    assert!(BASE.contains(from), "{from}");
    config(&BASE.replacen(from, to, 1))
}

fn planned(after: &Config) -> Plan {
    plan(&config(BASE), after, &BTreeSet::new()).unwrap()
}

/// Why each handler that begins anew does so.
fn changed(after: &Config) -> Vec<(String, String)> {
    let plan = planned(after);
    assert_eq!((plan.added.len(), plan.removed.len()), (0, 0));
    assert_eq!(plan.changed.len() + plan.unchanged.len(), 3);
    plan.changed
}

fn refused(after: &Config) -> String {
    let refused = plan(&config(BASE), after, &BTreeSet::new());
    refused.unwrap_err().to_string()
}

#[test]
fn the_same_file_is_nothing_to_do() {
    let same = planned(&config(BASE));
    assert_eq!(same.unchanged, ["a", "b", "c"]);
    assert_eq!(same.leaving().count() + same.beginning().count(), 0);
    // What is written otherwise and means the same is the same.
    let written = with(
        "topics = [\"c-in\"]",
        "topics = [\"c-in\"]\ngroup = \"pelton.c\"",
    );
    assert_eq!(planned(&written), same);
}

#[test]
fn handlers_come_and_go_and_the_others_notice_nothing() {
    let plan = planned(&with("[handlers.b]", "[handlers.new]"));
    assert_eq!(
        (&plan.added[..], &plan.removed[..]),
        (&["new".to_owned()][..], &["b".to_owned()][..])
    );
    assert_eq!(plan.unchanged, ["a", "c"]);
    assert_eq!(plan.leaving().collect::<Vec<_>>(), ["b"]);
    assert_eq!(plan.beginning().collect::<Vec<_>>(), ["new"]);
}

/// The keys that make another revision, with another value than each has without it.
const IN_PLACE: [(&str, &str); 6] = [
    ("isolation", "\"message\""),
    ("probation", "{ enabled = false }"),
    ("limits", "{ memory = \"65 MiB\" }"),
    ("grants", "{ http = [\"https://api.example.com\"] }"),
    ("settings", "{ greeting = \"hi\" }"),
    ("test", "{ at-load = false }"),
];

/// Every other key of a handler's table.
const KEYS: [(&str, &str); 21] = [
    ("cluster", "\"other\""),
    ("group", "\"another\""),
    ("start", "\"latest\""),
    ("guarantee", "\"exactly-once\""),
    ("order", "\"key\""),
    ("in-flight", "7"),
    ("outputs", "[\"c-out\"]"),
    ("retry", "{ attempts = 2 }"),
    ("dead-letter", "{ topic = \"dead\" }"),
    ("buffer", "{ messages = 5000 }"),
    ("batch", "{ messages = 7 }"),
    ("commit-interval", "\"2s\""),
    ("transaction", "{ messages = 7 }"),
    ("drain-timeout", "\"2s\""),
    ("stall-after", "\"2m\""),
    ("group-protocol", "\"eager\""),
    ("instance-id", "\"one\""),
    ("create-topics", "{ partitions = 3 }"),
    ("consumer-properties", "{ \"client.rack\" = \"r1\" }"),
    ("producer-properties", "{ \"linger.ms\" = 7 }"),
    ("component", "\"other.wasm\""),
];

#[test]
fn each_key_of_a_handler_begins_it_anew_and_nobody_else() {
    for (key, value) in KEYS {
        let table = "[handlers.c]\ncomponent = \"c.wasm\"\n";
        let (replaced, key_line) = match key {
            "component" => (table, format!("[handlers.c]\n{key} = {value}\n")),
            _ => (table, format!("{table}{key} = {value}\n")),
        };
        let changed = changed(&with(replaced, &key_line));
        let (names, why): (Vec<_>, Vec<_>) = changed.into_iter().unzip();
        assert_eq!(names, ["c"], "{key}");
        // Some defaults follow from other keys.
        assert!(
            why[0].split(", ").any(|named| named == key),
            "{key}: {why:?}"
        );
    }
    let topics = changed(&with("[\"c-in\"]", "[\"d-in\"]"));
    assert_eq!(topics, [("c".to_owned(), "topics".to_owned())]);
}

#[test]
fn what_makes_another_revision_leaves_the_handler_in_its_group() {
    let table = "[handlers.c]\ncomponent = \"c.wasm\"\n";
    for (key, value) in IN_PLACE {
        let plan = planned(&with(table, &format!("{table}{key} = {value}\n")));
        assert_eq!(plan.reconfigured, [("c".to_owned(), key.to_owned())]);
        assert_eq!(plan.unchanged, ["a", "b"], "{key}");
        assert_eq!(plan.leaving().count() + plan.beginning().count(), 0);
        assert_eq!(plan.loading().collect::<Vec<_>>(), ["c"]);
        // Together with another key, and where it has failed, it begins anew.
        let both = with(table, &format!("{table}{key} = {value}\nin-flight = 7\n"));
        assert_eq!(planned(&both).leaving().collect::<Vec<_>>(), ["c"], "{key}");
    }
    let instances = with(table, &format!("{table}limits = {{ instances = 2 }}\n"));
    let why = "limits.instances".to_owned();
    assert_eq!(changed(&instances), [("c".to_owned(), why)]);
}

#[test]
fn no_key_of_a_handler_is_forgotten_here() {
    let schema = pelton_config::json_schema();
    let keys = schema["$defs"]["Handler"]["properties"]
        .as_object()
        .unwrap();
    let ignored = ["allow-loops", "source"];
    for key in keys.keys().filter(|key| !ignored.contains(&key.as_str())) {
        let mut all = KEYS.iter().chain(&IN_PLACE);
        let tried = all.any(|(tried, _)| tried == key) || key == "topics";
        assert!(tried, "`{key}` is not tried");
    }
}

#[test]
fn what_a_running_daemon_ignores_changes_nothing() {
    let topics = "topics = [\"c-in\"]";
    let plus = |lines: &str| with(topics, &format!("{topics}\n{lines}"));
    assert_eq!(changed(&plus("allow-loops = true")), []);
    // Where there is a source, its fixtures are for `pelton test`.
    let before = plus("source = \"one\"");
    let after = plus("source = \"two\"\ntest = { deliver-twice = false }");
    let plan = plan(&before, &after, &BTreeSet::new()).unwrap();
    assert_eq!(plan.unchanged, ["a", "b", "c"]);
}

#[test]
fn a_cluster_begins_its_handlers_anew_and_no_others() {
    let its_own = [("b".to_owned(), "its cluster".to_owned())];
    assert_eq!(changed(&with("other:9092", "moved:9092")), its_own);
    let properties = with(
        "[\"other:9092\"]",
        "[\"other:9092\"]\nproperties = { \"client.rack\" = \"r\" }",
    );
    assert_eq!(changed(&properties), its_own);
    let unused = with(
        "[handlers.a]",
        "[clusters.third]\nbootstrap-servers = [\"x:1\"]\n[handlers.a]",
    );
    assert_eq!(changed(&unused), []);
}

#[test]
fn one_that_has_failed_begins_anew_though_nothing_of_it_differs() {
    let failed = BTreeSet::from(["a".to_owned()]);
    let plan = plan(&config(BASE), &config(BASE), &failed).unwrap();
    assert_eq!(plan.changed, [("a".to_owned(), "it had failed".to_owned())]);
    assert_eq!(plan.unchanged, ["b", "c"]);
}

#[test]
fn what_the_process_is_made_of_is_refused_by_name_whatever_else_differs() {
    for (table, key, value) in [
        ("daemon", "memory", "\"1 GiB\""),
        ("daemon", "guest-stack", "\"2 MiB\""),
        ("daemon", "worker-threads", "3"),
        ("daemon", "component-bytes", "\"1 MiB\""),
        ("daemon", "compile-timeout", "\"2m\""),
        ("daemon", "compile-memory", "\"2 GiB\""),
        ("daemon", "cache", "false"),
        ("daemon", "cache-folder", "\"here\""),
        ("daemon", "cache-bytes", "\"2 GiB\""),
        ("daemon", "state-folder", "\"state\""),
        ("admin", "enabled", "false"),
        ("admin", "listen", "\"127.0.0.1:1\""),
        ("admin", "token-file", "\"token\""),
        ("log", "format", "\"json\""),
        ("log", "filter", "\"debug\""),
    ] {
        let after = BASE.replacen("[handlers.b]", "[handlers.new]", 1);
        let after = config(&format!("{after}\n[{table}]\n{key} = {value}\n"));
        let refused = refused(&after);
        assert!(refused.contains(&format!(" {table}.{key};")), "{refused}");
    }
    let embedded = refused(&with("[\"other:9092\"]", "\"embedded\""));
    assert!(
        embedded.contains("clusters.other.bootstrap-servers"),
        "{embedded}"
    );
}

#[test]
fn the_times_for_a_stop_and_for_trials_are_taken_as_they_are() {
    let times = "shutdown-timeout = \"40s\"\ntrial-timeout = \"40s\"";
    let after = config(&format!("{BASE}\n[daemon]\n{times}\n"));
    assert_eq!(changed(&after), []);
}
