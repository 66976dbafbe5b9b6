//! What a scrape holds, read from OpenMetrics text.

use anyhow::{Context, Result};

/// The sum over all series of this name whose labels contain each of `labels`. `None` where there is no series of the name
/// at all, so that one that is misspelt, or gone, is not taken for 0.
///
/// # Errors
/// When a value is no number.
pub(crate) fn sum(text: &str, name: &str, labels: &[&str]) -> Result<Option<f64>> {
    let mut sum = None;
    for line in text.lines() {
        let series = line
            .strip_prefix(name)
            .and_then(|rest| rest.rsplit_once(' '));
        let Some((series, value)) = series else {
            continue;
        };
        if !(series.is_empty() || series.starts_with('{')) {
            continue;
        }
        let sum = sum.get_or_insert(0.0);
        if labels.iter().all(|label| series.contains(label)) {
            *sum += value.parse::<f64>().with_context(|| line.to_owned())?;
        }
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRAPE: &str =
        "# TYPE x counter\nx_total{handler=\"a\"} 2\nx_total{handler=\"b\"} 3\ny 1.5\nx 7\n";

    #[test]
    fn what_is_not_there_is_not_0() {
        let sum = |name, labels: &[&str]| sum(SCRAPE, name, labels).unwrap();
        assert_eq!(sum("x_total", &[]), Some(5.0));
        assert_eq!(sum("x_total", &["handler=\"b\""]), Some(3.0));
        assert_eq!(sum("x_total", &["handler=\"c\""]), Some(0.0));
        assert_eq!((sum("y", &[]), sum("x", &[])), (Some(1.5), Some(7.0)));
        assert_eq!((sum("z", &[]), sum("x_tot", &[])), (None, None));
    }

    #[test]
    fn a_value_that_is_none_is_an_error() {
        assert!(sum("x much", "x", &[]).is_err());
    }
}
