//! What a metric's row says of it.

use anyhow::{Result, bail};
use pelton_harness::TestDaemon;

/// `SERIES > NUMBER` or `SERIES == NUMBER`.
pub struct Condition<'t> {
    metric: &'t str,
    labels: Vec<&'t str>,
    holds: fn(&f64, &f64) -> bool,
    value: f64,
}

impl<'t> Condition<'t> {
    pub fn read(text: &'t str) -> Result<Self> {
        let (series, holds, value): (_, fn(&f64, &f64) -> bool, _) =
            match (text.split_once(" == "), text.split_once(" > ")) {
                (Some((series, value)), None) => (series, f64::eq, value),
                (None, Some((series, value))) => (series, f64::gt, value),
                _ => bail!("{text} is no condition"),
            };
        let (metric, labels) = series.split_once('{').unwrap_or((series, ""));
        let labels = labels.trim_end_matches('}').split(',').map(str::trim);
        Ok(Self {
            metric,
            labels: labels.filter(|label| !label.is_empty()).collect(),
            holds,
            value: value.parse()?,
        })
    }

    pub fn is_met(&self, daemon: &TestDaemon) -> bool {
        let now = daemon.metric(self.metric, &self.labels);
        now.is_ok_and(|now| (self.holds)(&now, &self.value))
    }

    /// Whether it was met once and for all.
    pub fn lasts(&self) -> bool {
        self.metric.ends_with("_total")
    }
}

#[test]
fn a_condition_is_read_as_it_stands() {
    let condition = Condition::read(r#"pelton_x{a="b"} > 1000"#).unwrap();
    assert_eq!(
        (condition.metric, &condition.labels[..]),
        ("pelton_x", &[r#"a="b""#][..])
    );
    assert!(
        (condition.holds)(&1001.0, &condition.value)
            && !(condition.holds)(&1000.0, &condition.value)
    );
}
