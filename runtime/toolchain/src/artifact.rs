//! What cargo says it has built.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// A handler that was built.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Component {
    /// The name of its library, as the file is called.
    pub name: String,
    /// The folder of its `Cargo.toml`.
    pub folder: PathBuf,
    /// The `.wasm` file.
    pub path: PathBuf,
}

/// The components among cargo's messages (`--message-format=json`, one object a line).
pub(crate) fn components(messages: &str) -> Vec<Component> {
    let mut components: Vec<_> = messages.lines().filter_map(component).collect();
    components.sort();
    components.dedup();
    components
}

fn component(line: &str) -> Option<Component> {
    let message: Value = serde_json::from_str(line).ok()?;
    if message["reason"] != "compiler-artifact" {
        return None;
    }
    let files = message["filenames"]
        .as_array()?
        .iter()
        .filter_map(Value::as_str);
    let path = files
        .map(PathBuf::from)
        .find(|file| file.extension().is_some_and(|end| end == "wasm"))?;
    Some(Component {
        name: message["target"]["name"].as_str()?.to_owned(),
        folder: Path::new(message["manifest_path"].as_str()?)
            .parent()?
            .to_owned(),
        path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_became_a_wasm_file_counts() {
        let messages = r#"
{"reason":"compiler-artifact","manifest_path":"/g/sdk/Cargo.toml","target":{"name":"sdk"},"filenames":["/t/libsdk.rlib"]}
{"reason":"compiler-artifact","manifest_path":"/g/orders/Cargo.toml","target":{"name":"orders"},"filenames":["/t/orders.wasm"]}
not json
{"reason":"build-finished","success":true}"#;
        let expected = Component {
            name: "orders".into(),
            folder: "/g/orders".into(),
            path: "/t/orders.wasm".into(),
        };
        assert_eq!(components(messages), [expected]);
    }
}
