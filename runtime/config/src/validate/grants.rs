//! `[handlers.NAME.grants]`.

use std::collections::BTreeSet;

use pelton_types::Origin;

use crate::{
    Grants,
    findings::{Finding, Findings},
    key::Key,
    schema,
};

pub(super) fn validate(at: &Key, raw: &schema::Grants, findings: &mut Findings<'_>) -> Grants {
    let mut seen = BTreeSet::new();
    Grants {
        http: origins(&at.join("http"), &raw.http, &mut seen, findings),
        http_private: origins(
            &at.join("http-private"),
            &raw.http_private,
            &mut seen,
            findings,
        ),
    }
}

/// Reads a list of origins, none of which was seen before.
fn origins(
    at: &Key,
    raw: &[String],
    seen: &mut BTreeSet<Origin>,
    findings: &mut Findings<'_>,
) -> Vec<Origin> {
    let mut read = Vec::with_capacity(raw.len());
    for (position, text) in raw.iter().enumerate() {
        let key = at.join(position.to_string());
        match text.parse::<Origin>() {
            Ok(origin) if seen.insert(origin.clone()) => read.push(origin),
            Ok(origin) => {
                let finding = Finding::new(format!("`{at}` grants `{origin}` a second time"));
                findings.refuse(finding.value(&key, "").help("remove one of them"));
            }
            Err(wrong) => {
                let finding = Finding::new(format!("an origin in `{at}` {wrong}"));
                findings.refuse(finding.value(&key, "").help(
                    "write scheme, host and, if it is not the scheme's own, port: \"https://api.example.com\", \"http://10.0.0.7:8080\"",
                ));
            }
        }
    }
    read
}
