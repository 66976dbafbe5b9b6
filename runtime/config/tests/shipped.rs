//! What is shipped in config/ and docs/ says what the code does. `UPDATE_EXPECT=1` writes the generated files anew.
#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::panic,
    reason = "a test program: its helpers fail as loudly as its tests"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write,
    fs,
    path::Path,
};

use pelton_config::{json_schema, parse};
use serde_json::Value;

const SHIPPED: &str = "../../config/pelton.toml";
const SCHEMA: &str = "../../config/pelton.schema.json";
const REFERENCE: &str = "../../docs/configuration.md";
/// What follows it in the reference is written by hand.
const BY_HAND: &str = "<!-- From here on by hand. -->";

fn shipped() -> String {
    fs::read_to_string(SHIPPED).expect("the shipped configuration")
}

/// Compares a generated file with what stands in the repository, or writes it.
fn up_to_date(file: &str, generated: &str) {
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(file, generated).expect("a writable file");
    }
    let stands = fs::read_to_string(file).unwrap_or_default();
    assert!(
        stands == generated,
        "{file} is out of date: run `UPDATE_EXPECT=1 cargo test -p pelton-config`"
    );
}

/// One key of the schema.
struct Key {
    kind: Value,
    default: Option<Value>,
    description: String,
    required: bool,
}

/// Follows a reference, if this is one.
fn resolve<'s>(schema: &'s Value, at: &'s Value) -> &'s Value {
    let target = at["$ref"]
        .as_str()
        .and_then(|path| path.strip_prefix("#/$defs/"));
    target.map_or(at, |name| &schema["$defs"][name])
}

/// The keys of the schema's tables: path of the table (`*` for any name) -> key -> what it is.
fn tables() -> BTreeMap<String, BTreeMap<String, Key>> {
    let schema = json_schema();
    let mut tables = BTreeMap::new();
    collect(&schema, &schema, "", &mut tables);
    tables
}

fn collect(
    schema: &Value,
    at: &Value,
    path: &str,
    tables: &mut BTreeMap<String, BTreeMap<String, Key>>,
) {
    let Some(properties) = at["properties"].as_object() else {
        return;
    };
    let required: Vec<_> = at["required"].as_array().into_iter().flatten().collect();
    for (name, property) in properties {
        let kind = resolve(schema, property);
        let below = if path.is_empty() {
            name.clone()
        } else {
            format!("{path}.{name}")
        };
        let named = resolve(schema, &kind["additionalProperties"]);
        if kind["properties"].is_object() {
            collect(schema, kind, &below, tables);
        } else if named["properties"].is_object() {
            collect(schema, named, &format!("{below}.*"), tables);
        } else {
            let key = Key {
                kind: kind.clone(),
                default: property.get("default").cloned(),
                description: property["description"]
                    .as_str()
                    .unwrap_or_default()
                    .to_owned(),
                required: required.iter().any(|key| *key == name),
            };
            tables
                .entry(path.to_owned())
                .or_default()
                .insert(name.clone(), key);
        }
    }
}

/// A line of the shipped file that sets a key, commented out or not.
struct Line {
    table: String,
    key: String,
    value: toml::Value,
    commented: bool,
    note: String,
}

fn lines(text: &str) -> Vec<Line> {
    let mut table = String::new();
    let mut found = Vec::new();
    for line in text.lines() {
        let (commented, content) = match line.strip_prefix("# ") {
            Some(content) => (true, content),
            None => (false, line),
        };
        if let Some(header) = content
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            table = header.replace("clusters.default", "clusters.*");
            table = table.replace("handlers.order-processing", "handlers.*");
            continue;
        }
        let Some((key, value)) = content.split_once(" = ") else {
            continue;
        };
        if !key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-') {
            continue;
        }
        let (_, note) = value.split_once("  # ").unwrap_or((value, ""));
        let parsed: toml::Table = toml::from_str(content).expect("a line that is TOML");
        let value = parsed[key].clone();
        found.push(Line {
            table: table.clone(),
            key: key.to_owned(),
            value,
            commented,
            note: note.to_owned(),
        });
    }
    found
}

#[test]
fn the_shipped_configuration_is_valid() {
    let config = parse(&shipped(), Path::new("pelton.toml"), &|_| None).expect("valid");
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn it_is_valid_with_every_comment_taken_off() {
    let shows_key = |content: &str| {
        content.starts_with('[')
            || content
                .split_once(" = ")
                .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'))
    };
    let text = shipped();
    let uncommented = text.lines().map(|line| match line.strip_prefix("# ") {
        Some(content) if shows_key(content) => content,
        _ => line,
    });
    let text = uncommented.collect::<Vec<_>>().join("\n");
    // Without this mechanism no token is taken.
    let properties = "[clusters.default.properties]";
    let by_token = format!("{properties}\n\"sasl.mechanism\" = \"OAUTHBEARER\"");
    let text = text.replace(properties, &by_token);
    parse(&text, Path::new("pelton.toml"), &|_| {
        Some("host-1".to_owned())
    })
    .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn its_defaults_are_the_real_ones() {
    let tables = tables();
    for line in lines(&shipped()) {
        let name = format!("{}.{}", line.table, line.key);
        let table = tables
            .get(&line.table)
            .unwrap_or_else(|| panic!("no table for {name}"));
        let key = table
            .get(&line.key)
            .unwrap_or_else(|| panic!("no key {name}"));
        if !line.commented {
            assert!(key.required, "{name} is set although it has a default");
            continue;
        }
        match &key.default {
            Some(default) => {
                let shown = serde_json::to_value(&line.value).expect("JSON");
                assert_eq!(&shown, default, "the default of {name}");
            }
            None => assert!(
                line.note.starts_with("not set: "),
                "{name} has no default: say \"not set: …\""
            ),
        }
    }
}

#[test]
fn it_names_every_key() {
    let text = shipped();
    let shown: BTreeSet<_> = lines(&text)
        .into_iter()
        .map(|line| (line.table, line.key))
        .collect();
    for (table, keys) in tables() {
        for key in keys.into_keys() {
            let header = format!("{table}.{key}]").replace("clusters.*", "clusters.default");
            let header = header.replace("handlers.*", "handlers.order-processing");
            let named = shown.contains(&(table.clone(), key.clone())) || text.contains(&header);
            assert!(named, "{table}.{key} is not in {SHIPPED}");
        }
    }
}

#[test]
fn every_valid_configuration_is_valid() {
    for entry in fs::read_dir("tests/valid").expect("the folder") {
        let file = entry.expect("an entry").path();
        let text = fs::read_to_string(&file).expect("a readable file");
        let config = parse(&text, &file, &|name| Some(format!("value-of-{name}")));
        let config = config.unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(config.warnings, Vec::<String>::new(), "{}", file.display());
    }
}

#[test]
fn the_shipped_schema_is_up_to_date() {
    up_to_date(SCHEMA, &format!("{:#}\n", json_schema()));
}

#[test]
fn the_reference_is_up_to_date() {
    let schema = json_schema();
    let mut page = String::from(
        "<!-- Made from the schema (runtime/config/src/schema); `UPDATE_EXPECT=1 cargo test -p pelton-config` writes it. -->\n\
         # Configuration\n\n",
    );
    let about = schema["description"].as_str().expect("a description");
    let _ = writeln!(page, "{about}\n");
    let _ = writeln!(
        page,
        "A commented file with every key is [config/pelton.toml](../config/pelton.toml); editors complete and check \
         it with [config/pelton.schema.json](../config/pelton.schema.json). `pelton check` reports everything that \
         is wrong with a file, with line and column, and ends with exit code 78. A running daemon takes a changed \
         file in: [below](#changing-the-configuration-of-a-running-daemon).\n"
    );
    for (table, keys) in tables() {
        let _ = writeln!(page, "## `[{}]`\n", table.replace(".*", ".NAME"));
        if let Some(text) = describe(&schema, &table) {
            let _ = writeln!(page, "{text}\n");
        }
        page.push_str("| key | value | default | what it means |\n|---|---|---|---|\n");
        for (name, key) in keys {
            let default = match (&key.default, key.required) {
                (Some(default), _) => format!("`{}`", toml_of(default)),
                (None, true) => "**required**".to_owned(),
                (None, false) => "not set".to_owned(),
            };
            let description = key.description.replace("\n\n", " ").replace('|', "\\|");
            let _ = writeln!(
                page,
                "| `{name}` | {} | {default} | {description} |",
                kind(&key.kind)
            );
        }
        page.push('\n');
    }
    let stands = fs::read_to_string(REFERENCE).unwrap_or_default();
    let (_, by_hand) = stands.split_once(BY_HAND).expect("a part by hand");
    page.push_str(BY_HAND);
    page.push_str(by_hand);
    up_to_date(REFERENCE, &format!("{}\n", page.trim_end()));
}

/// What the schema says of a table.
fn describe(schema: &Value, path: &str) -> Option<String> {
    let mut at = schema;
    let mut text = None;
    for segment in path.split('.') {
        let property = match segment {
            "*" => &at["additionalProperties"],
            name => &at["properties"][name],
        };
        at = resolve(schema, property);
        text = property
            .get("description")
            .or_else(|| at.get("description"));
    }
    text?.as_str().map(str::to_owned)
}

/// What may stand behind a key, in a word or two.
fn kind(kind: &Value) -> String {
    // Choices that are described stand each for themselves.
    let described = kind["oneOf"].as_array();
    let described = described.map(|all| all.iter().map(|choice| &choice["const"]).collect());
    let plain = kind["enum"].as_array().map(|all| all.iter().collect());
    if let Some(choices) = described.or(plain) as Option<Vec<&Value>> {
        let choices = choices.iter().map(|choice| format!("`{choice}`"));
        return choices.collect::<Vec<_>>().join(", ");
    }
    if kind["anyOf"].is_array() {
        return "array or string".to_owned();
    }
    let name = kind["type"].as_str().unwrap_or_else(|| {
        let sized = kind["description"]
            .as_str()
            .is_some_and(|text| text.starts_with("a size"));
        if sized { "size" } else { "any" }
    });
    match name {
        "string"
            if kind["description"]
                .as_str()
                .is_some_and(|text| text.starts_with("a duration")) =>
        {
            "duration"
        }
        "integer" => "number",
        "object" => "table",
        "array" => "array of strings",
        other => other,
    }
    .to_owned()
}

fn toml_of(value: &Value) -> String {
    match value {
        Value::Object(map) if map.is_empty() => "{}".to_owned(),
        other => other.to_string(),
    }
}
