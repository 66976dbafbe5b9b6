//! The fixtures beside a component are given to each revision before it is used.

use std::fs;

use anyhow::{Result, ensure};
use pelton_harness::{Copies, Stage, TestCluster, command::pelton, component, orders, paths};

use crate::LIMIT;

/// A message that one handler forwards and another one traps with.
const FIXTURE: &str = r#"
[message]
key = "k"
value = "trap"

[[expect.outputs]]
key = "k"
value = "trap"
"#;

#[test]
fn a_revision_that_fails_a_fixture_is_refused_and_so_is_a_configuration() -> Result<()> {
    let cluster = TestCluster::shared();
    let (client, stage) = (cluster.client()?, Stage::new(cluster, "fixtures", 1)?);
    let options = stage.daemon("passthrough", "")?;
    let (folder, file) = (
        options.folder().to_owned(),
        options.folder().join("passthrough.wasm"),
    );
    fs::create_dir(folder.join("fixtures"))?;
    fs::write(folder.join("fixtures/forwards.toml"), FIXTURE)?;
    let mut daemon = options.start()?;
    daemon.wait_ready(LIMIT)?;
    let drafts = orders(200);
    client.produce(&stage.input, &drafts[..100])?;

    component::replace(&file, &fs::read(paths::guest("misbehave")?)?)?;
    daemon.wait_for_log("component refused", LIMIT)?;
    let refused = daemon.log_lines("component refused");
    ensure!(refused[0].contains("fixture `forwards`"), "{refused:?}");

    // Another build of the one that forwards passes. Then its settings make it do something else.
    let forwards = fs::read(paths::guest("passthrough")?)?;
    component::replace(&file, &component::variant(&forwards, 1))?;
    daemon.wait_for_log("revision swapped in", LIMIT)?;
    let config = folder.join("pelton.toml");
    let text = fs::read_to_string(&config)?;
    let line = "drain-timeout = \"5s\"";
    let tagged = text.replace(line, &format!("{line}\nsettings = {{ tag = \"new\" }}"));
    component::replace(&config, tagged.as_bytes())?;
    let (code, _, words) = pelton(&folder, &["reload"])?;
    ensure!(
        code == 78 && words.contains("fixture `forwards`") && words.contains("tag"),
        "{code}: {words}"
    );
    // Unless it is told not to look at them.
    let unlooked = format!("{line}\nsettings = {{ tag = \"new\" }}\ntest = {{ at-load = false }}");
    component::replace(&config, text.replace(line, &unlooked).as_bytes())?;
    let (code, _, words) = pelton(&folder, &["reload"])?;
    ensure!(code == 0, "{code}: {words}");
    daemon.wait_for_log_times("revision swapped in", 2, LIMIT)?;

    client.produce(&stage.input, &drafts[100..])?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    Copies::of(&drafts, &client.read_all(&stage.output)?).exactly_once()
}
