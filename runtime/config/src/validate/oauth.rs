//! Where the token comes from that SASL OAUTHBEARER shows.
//!
//! Without one librdkafka waits for it for ever and says nothing, so a configuration that names none is refused.

use std::path::Path;

use crate::{
    Properties,
    findings::{Finding, Findings},
    key::Key,
};

const MECHANISM: &str = "OAUTHBEARER";
/// Where librdkafka is told where tokens come from; `pelton-kafka` reads it.
const SOURCE: &str = "sasl.oauthbearer.config";
/// librdkafka makes a token by itself that nobody has signed.
const UNSECURED: &str = "enable.sasl.oauthbearer.unsecure.jwt";

/// The properties with the token's file among them.
pub(super) fn validate(
    cluster: &Key,
    token_file: Option<String>,
    properties: Properties,
    file: &Path,
    findings: &mut Findings<'_>,
) -> Properties {
    let key = cluster.join("oauth-token-file");
    let named = |name: &str| cluster.join("properties").join(name);
    let mechanism = ["sasl.mechanism", "sasl.mechanisms"]
        .into_iter()
        .find_map(|name| Some((name, properties.get(name)?)));
    let by_token = mechanism.filter(|(_, value)| *value == MECHANISM);
    let unsecured = properties.get(UNSECURED) == Some("true");
    match (token_file, by_token) {
        (None, Some((name, _))) if !unsecured => {
            let finding = Finding::new(format!(
                "`{}` is \"{MECHANISM}\", and there is no `{key}`",
                named(name)
            ));
            findings.refuse(finding.value(&named(name), "needs a token").help(
                "add oauth-token-file = \"kafka.token\", a file that something else keeps renewed: tokens are not asked for at an issuer (`sasl.oauthbearer.method = \"oidc\"`)",
            ));
        }
        (None, _) => {}
        (Some(_), None) => {
            let finding = Finding::new(format!(
                "`{key}` is for the mechanism {MECHANISM}, which is not asked for"
            ));
            findings.refuse(finding.name(&key, "").help(
                "add the properties `security.protocol = \"SASL_SSL\"` and `sasl.mechanism = \"OAUTHBEARER\"`, or remove the file",
            ));
        }
        (Some(token), Some(_)) => {
            for other in [SOURCE, UNSECURED, "sasl.oauthbearer.method"] {
                if properties.get(other).is_some() {
                    let clash = format!("`{}` and `{key}` are both set", named(other));
                    let finding = Finding::new(clash).name(&named(other), "another token");
                    findings.refuse(finding.name(&key, "").help("remove one of them"));
                }
            }
            let path = file.parent().unwrap_or(Path::new("")).join(token);
            return properties.with(SOURCE, format!("token-file={}", path.display()));
        }
    }
    properties
}
