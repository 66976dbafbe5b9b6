//! The alert rules and the dashboard that operators copy: a real Prometheus that scrapes a real daemon takes every
//! expression, finds every metric and label that one names, and fires.

use std::{fs, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use pelton_harness::{Draft, Prometheus, Stage, TestCluster, TestDaemon, paths};
use serde_json::Value;

#[path = "watching/expression.rs"]
mod expression;

const LIMIT: Duration = Duration::from_secs(60);

fn shipped(file: &str) -> Result<String> {
    let path = paths::repository().join(file);
    fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// A daemon with something of everything in its figures, and the Prometheus that watches it.
fn watched(stage: &Stage, cluster: &TestCluster) -> Result<(TestDaemon, Prometheus)> {
    let mut daemon = stage
        .daemon("misbehave", r#"retry = { attempts = 2, backoff = "10ms" }"#)?
        .start()?;
    daemon.wait_ready(LIMIT)?;
    let prometheus = Prometheus::start(&shipped("config/alerts.yml")?)?;
    prometheus.watch(daemon.admin())?;
    // Its zero first: an increase is one between two scrapes.
    let letters = r#"pelton_exhausted_messages_total{outcome="dead-lettered"}"#;
    prometheus.wait_for(&format!("{letters} == 0"), LIMIT)?;
    let drafts = ["fine", "fail-until:2", "fail", "reject"].map(|value| Draft::new("k", value));
    let client = cluster.client()?;
    client.produce(&stage.input, &drafts)?;
    client.wait_for_all_committed(&stage.group, &stage.input, LIMIT)?;
    prometheus.wait_for(&format!("{letters} == 2"), LIMIT)?;
    prometheus.wait_for("pelton_lag_messages == 0", LIMIT)?;
    Ok((daemon, prometheus))
}

/// What is wrong with an expression: metrics that are not scraped, and labels that none of its metrics has.
fn missing(prometheus: &Prometheus, expression: &str) -> Result<Vec<String>> {
    prometheus.query(expression)?;
    let named = expression::named(expression);
    ensure!(!named.selectors.is_empty(), "{expression} names no metric");
    let mut missing = Vec::new();
    let mut known = Vec::new();
    for selector in &named.selectors {
        let series = prometheus.query(selector)?;
        if series.is_empty() {
            missing.push(selector.clone());
        }
        let metrics = series.iter().filter_map(|one| one["metric"].as_object());
        known.extend(metrics.flat_map(|metric| metric.keys().cloned()));
    }
    missing.extend(
        named
            .labels
            .into_iter()
            .filter(|label| !known.contains(label)),
    );
    Ok(missing)
}

/// The rules as Prometheus has read them.
fn rules(prometheus: &Prometheus) -> Result<Vec<Value>> {
    let read = prometheus.api("rules")?;
    let groups = read["groups"].as_array().context("groups")?;
    let rules = groups.iter().filter_map(|group| group["rules"].as_array());
    Ok(rules.flatten().cloned().collect())
}

fn alerts_hold(prometheus: &Prometheus) -> Result<()> {
    let guide = shipped("docs/operating.md")?;
    let rules = rules(prometheus)?;
    ensure!(rules.len() >= 10, "{} rules", rules.len());
    for rule in rules {
        let (name, expression) = (&rule["name"], rule["query"].as_str().context("a query")?);
        ensure!(rule["health"] == "ok", "{name}: {}", rule["lastError"]);
        let missing = missing(prometheus, expression)?;
        ensure!(missing.is_empty(), "{name}: not in the scrape: {missing:?}");
        let said = |what: &str| {
            rule["annotations"][what]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        ensure!(
            !said("summary").is_empty() && !said("action").is_empty(),
            "{name} doesn't say what to do"
        );
        let heading = format!("\n## {}\n", said("section"));
        ensure!(
            guide.contains(&heading),
            "{name}: docs/operating.md has no section {heading:?}"
        );
        ensure!(
            !rule["labels"]["severity"].is_null(),
            "{name} has no severity"
        );
    }
    Ok(())
}

/// Every expression of the dashboard's panels, with what Grafana fills in.
fn dashboard_expressions() -> Result<Vec<(String, String)>> {
    let dashboard: Value = serde_json::from_str(&shipped("config/grafana.json")?)?;
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().context("panels")? {
        for target in panel["targets"].as_array().context("targets")? {
            let expression = target["expr"].as_str().context("an expression")?;
            let filled = expression
                .replace("$__rate_interval", "1m")
                .replace("$handler", ".*");
            ensure!(!filled.contains('$'), "{filled}: what is filled in there?");
            found.push((panel["title"].to_string(), filled));
        }
    }
    for variable in dashboard["templating"]["list"]
        .as_array()
        .context("variables")?
    {
        let values = variable["query"]
            .as_str()
            .and_then(|query| query.strip_prefix("label_values("));
        if let Some((metric, label)) =
            values.and_then(|values| values.strip_suffix(')')?.split_once(','))
        {
            let expression = format!("count by ({}) ({metric})", label.trim());
            found.push((variable["name"].to_string(), expression));
        }
    }
    Ok(found)
}

#[test]
fn rules_that_look_back_or_wait_fire_when_they_should() -> Result<()> {
    let mut promtool = Command::new("promtool");
    promtool.args(["test", "rules", "tests/suites/watching/rules.yml"]);
    let done = promtool.current_dir(paths::repository()).output();
    let done = done.context("no promtool: run `cargo xtask setup` first")?;
    let said = [done.stdout, done.stderr].concat();
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&said));
    Ok(())
}

#[test]
fn a_real_prometheus_takes_every_rule_and_panel_finds_all_they_name_and_fires() -> Result<()> {
    let cluster = TestCluster::shared();
    let stage = Stage::new(cluster, "watched", 1)?;
    let (daemon, prometheus) = watched(&stage, cluster)?;
    alerts_hold(&prometheus)?;
    let expressions = dashboard_expressions()?;
    ensure!(expressions.len() > 20, "{} expressions", expressions.len());
    for (title, expression) in expressions {
        let missing = missing(&prometheus, &expression)?;
        ensure!(
            missing.is_empty(),
            "{title}: not in the scrape: {missing:?}"
        );
    }
    // The control of this check.
    for wrong in [
        "sum(pelton_lag)",
        "sum by (topics) (pelton_lag_messages)",
        r#"pelton_handler_state{state="well"}"#,
    ] {
        ensure!(!missing(&prometheus, wrong)?.is_empty(), "{wrong} passes");
    }
    let firing = r#"ALERTS{alertname="PeltonDeadLetters",alertstate="firing"}"#;
    prometheus.wait_for(firing, LIMIT)?;
    ensure!(
        prometheus
            .query(r#"ALERTS{alertname="PeltonNotReady"}"#)?
            .is_empty()
    );
    drop(daemon);
    prometheus.wait_for(r#"ALERTS{alertname="PeltonGone"}"#, LIMIT)
}
