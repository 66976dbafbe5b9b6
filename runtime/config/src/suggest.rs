//! "Did you mean …?"

/// The candidate that is most like what was written, if any is like it at all.
pub(crate) fn closest<'c>(
    written: &str,
    candidates: impl IntoIterator<Item = &'c str>,
) -> Option<&'c str> {
    let allowed = (written.chars().count() / 3).max(2);
    let like = |candidate: &str| {
        let begins = candidate.len() > 2 && written.starts_with(candidate)
            || written.len() > 2 && candidate.starts_with(written);
        let distance = strsim::damerau_levenshtein(written, candidate);
        (begins || distance <= allowed).then_some(distance)
    };
    let alike = candidates
        .into_iter()
        .filter_map(|candidate| Some((like(candidate)?, candidate)));
    alike
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_a_slip_of_the_finger_and_nothing_far_fetched() {
        assert_eq!(closest("defualt", ["default", "other"]), Some("default"));
        assert_eq!(closest("loging", ["daemon", "log"]), Some("log"));
        assert_eq!(closest("kafka", ["default", "other"]), None);
    }
}
