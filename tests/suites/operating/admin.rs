//! The admin address: who may ask what, what is written down of it, and whether its description is true.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result, ensure};
use pelton_harness::{Stage, TestCluster, TestDaemon, command::pelton, http};
use serde_json::{Map, Value};

use crate::LIMIT;

pub const TOKEN: &str = "a-token-of-some-length";
const MARK: (&str, &str) = ("x-pelton", "1");

/// A daemon whose admin address asks for the token.
pub fn guarded(stage: &Stage, guest: &str) -> Result<TestDaemon> {
    let options = stage.daemon(guest, "")?;
    let file = options.folder().join("pelton.toml");
    let text = fs::read_to_string(&file)?;
    fs::write(&file, format!("{text}token-file = \"token\"\n"))?;
    fs::write(options.folder().join("token"), format!("{TOKEN}\n"))?;
    let mut daemon = options.start()?;
    daemon.wait_ready(LIMIT)?;
    Ok(daemon)
}

/// Waits until the log has a line for each change that was asked for, and makes sure that it has no more.
fn audited(daemon: &mut TestDaemon, done: usize, refused: usize) -> Result<()> {
    for (line, times) in [
        ("an operator asked for a change", done),
        ("a change was asked for and refused", refused),
    ] {
        daemon.wait_for_log_times(line, times, LIMIT)?;
        assert_eq!(daemon.log_count(line), times, "{line}");
    }
    Ok(())
}

fn described(daemon: &TestDaemon) -> Result<Map<String, Value>> {
    let answer = daemon.get("/v1/openapi.json")?;
    ensure!(answer.status == 200, "{answer:?}");
    let document: Value = serde_json::from_str(&answer.body)?;
    document.as_object().cloned().context("a document")
}

#[test]
fn with_a_token_every_path_under_v1_asks_for_it_and_its_description_is_true() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "guarded", 1)?;
    let mut daemon = guarded(&stage, "passthrough")?;
    let address = daemon.admin().to_owned();
    let document = described(&daemon)?;
    let paths = document["paths"].as_object().context("paths")?;
    let bearer = format!("Bearer {TOKEN}");
    let mut changes = 0;
    for (described, methods) in paths {
        let path = described.replace("{handler}", &stage.handler);
        let path = path.replace("{letter}", "0@0");
        let changing = methods.get("post").is_some();
        let method = if changing { "POST" } else { "GET" };
        let open = !path.starts_with("/v1/") || path == "/v1/openapi.json";
        for wrong in [vec![], vec![("authorization", "Bearer wrong")], vec![MARK]] {
            let answer = http::request(&address, method, &path, &wrong)?;
            let wanted = if open { 200 } else { 401 };
            ensure!(
                answer.status == wanted,
                "{method} {path} {wrong:?}: {answer:?}"
            );
        }
        let answer = http::request(&address, method, &path, &[("authorization", &bearer)])?;
        let known = &methods[method.to_lowercase()]["responses"];
        let told = known.get(answer.status.to_string());
        ensure!(
            told.is_some(),
            "{method} {path}: {answer:?} is not described"
        );
        changes += usize::from(changing);
    }
    audited(&mut daemon, changes, 3 * changes)?;
    ensure!(daemon.log_count(TOKEN) == 0, "the token stands in the log");

    // What is answered has what is described, and nothing else.
    let headers = [("authorization", &*bearer)];
    let status = http::request(&address, "GET", "/v1/status", &headers)?;
    let status: Value = serde_json::from_str(&status.body)?;
    let schemas = &document["components"]["schemas"];
    for (name, value) in [
        ("Overview", &status),
        ("HandlerOverview", &status["handlers"][0]),
        ("PartitionOverview", &status["handlers"][0]["partitions"][0]),
    ] {
        let keys = |value: &Value| -> BTreeSet<String> {
            value
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, _)| key.clone())
                .collect()
        };
        assert_eq!(keys(value), keys(&schemas[name]["properties"]), "{name}");
    }

    // The command line finds the token by itself; a changed one holds at once.
    let folder = daemon.folder().to_owned();
    let (code, _, words) = pelton(&folder, &["resume", &stage.handler])?;
    ensure!(code == 0, "{code}: {words}");
    fs::write(folder.join("token"), "another-token-of-some-length")?;
    let (code, _, words) = pelton(&folder, &["status"])?;
    ensure!(code == 0, "{code}: {words}");
    ensure!(http::request(&address, "GET", "/v1/status", &headers)?.status == 401);
    fs::write(folder.join("token"), "short")?;
    let (code, _, words) = pelton(&folder, &["pause", &stage.handler])?;
    ensure!(
        code == 1 && words.contains("shorter than 16"),
        "{code}: {words}"
    );
    ensure!(daemon.stop(LIMIT)? == 0, "a clean stop");
    Ok(())
}

#[test]
fn without_a_token_only_who_is_here_and_no_web_page_changes_anything() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "unguarded", 1)?;
    let mut daemon = stage.daemon("passthrough", "")?.start()?;
    daemon.wait_ready(LIMIT)?;
    let address = daemon.admin().to_owned();
    let path = format!("/v1/handlers/{}/pause", stage.handler);
    let post = |headers: &[(&str, &str)]| http::request(&address, "POST", &path, headers);
    ensure!(post(&[])?.status == 403, "without the mark");
    ensure!(post(&[MARK])?.status == 200, "from here");
    ensure!(
        daemon.get("/v1/status")?.status == 200,
        "looking needs nothing"
    );
    for (site, status) in [
        ("cross-site", 403),
        ("same-site", 403),
        ("same-origin", 200),
        ("none", 200),
    ] {
        let answer = http::request(&address, "GET", "/v1/status", &[("sec-fetch-site", site)])?;
        ensure!(answer.status == status, "{site}: {answer:?}");
    }
    audited(&mut daemon, 1, 1)
}
