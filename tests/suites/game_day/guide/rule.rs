//! The alert rules as they are shipped, judged by a real Prometheus.

use std::time::Duration;

use anyhow::{Context, Result};
use pelton_harness::Prometheus;
use serde_json::Value;

/// A rule of config/alerts.yml.
pub struct Rule {
    /// For how long it must hold before it fires.
    pub waits: Duration,
    /// Whether it goes by what has been, and so holds on when that is over.
    pub looks_back: bool,
}

impl Rule {
    pub fn named(name: &str) -> Result<Self> {
        let read = Prometheus::shared().api("rules?type=alert")?;
        let groups = read["groups"].as_array().context("groups")?;
        let mut rules = groups.iter().filter_map(|group| group["rules"].as_array());
        let rule = rules.find_map(|rules| rules.iter().find(|rule| rule["name"] == name));
        let rule = rule.with_context(|| format!("config/alerts.yml has no {name}"))?;
        let query = rule["query"].as_str().context("a query")?;
        Ok(Self {
            waits: Duration::from_secs_f64(rule["duration"].as_f64().context("a duration")?),
            looks_back: query.contains('['),
        })
    }
}

/// Whether its expression holds for this daemon or this handler, however long it must before it fires.
pub fn holds(name: &str, admin: &str, handler: &str) -> Result<bool> {
    let of = |label: &str| format!("ALERTS{{alertname=\"{name}\",{label}}}");
    let (instance, handler) = (
        format!("instance=\"{admin}\""),
        format!("handler=\"{handler}\""),
    );
    let series: Vec<Value> =
        Prometheus::shared().query(&format!("{} or {}", of(&instance), of(&handler)))?;
    Ok(!series.is_empty())
}
