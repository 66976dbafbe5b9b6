//! Clusters, and whether handlers find theirs.

use std::path::Path;

use crate::{
    Bootstrap, Cluster, Config, Handler, Properties,
    findings::{Finding, Findings},
    key::Key,
    schema,
    suggest::closest,
    validate::{
        oauth,
        properties::{self, Client},
    },
};

pub(super) fn validate(
    name: &str,
    raw: schema::Cluster,
    file: &Path,
    findings: &mut Findings<'_>,
) -> Cluster {
    let at = Key::new(["clusters", name]);
    let bootstrap_at = at.join("bootstrap-servers");
    let bootstrap = match raw.bootstrap_servers {
        Some(schema::Bootstrap::Embedded(_)) => Bootstrap::Embedded,
        Some(schema::Bootstrap::Servers(servers)) => {
            check_servers(&bootstrap_at, &servers, findings);
            Bootstrap::Servers(servers)
        }
        None => {
            let finding =
                Finding::new(format!("`{at}` has no `bootstrap-servers`")).name(&bootstrap_at, "");
            findings.refuse(finding.help(
                "add bootstrap-servers = [\"localhost:9092\"], or \"embedded\" for a broker inside the daemon",
            ));
            Bootstrap::Embedded
        }
    };
    let properties_at = at.join("properties");
    let properties = properties::validate(&properties_at, Client::Any, raw.properties, findings);
    if bootstrap == Bootstrap::Embedded {
        check_embedded(&at, &properties, findings);
    }
    let properties = oauth::validate(&at, raw.oauth_token_file, properties, file, findings);
    Cluster {
        bootstrap,
        properties,
    }
}

/// Whether nothing is asked of the embedded broker that it doesn't know.
fn check_embedded(at: &Key, properties: &Properties, findings: &mut Findings<'_>) {
    let secured = properties.iter().find(|(property, _)| {
        ["security.", "sasl.", "ssl."]
            .iter()
            .any(|prefix| property.starts_with(prefix))
    });
    let Some((property, _)) = secured else { return };
    let bootstrap_at = at.join("bootstrap-servers");
    let finding = Finding::new(format!(
        "`{bootstrap_at}` is \"embedded\", which knows no `{property}`"
    ));
    findings.refuse(
        finding
            .name(
                &at.join("properties").join(property),
                "is for a real cluster",
            )
            .value(
                &bootstrap_at,
                "is inside the daemon, without encryption or passwords",
            )
            .help("remove the property, or name the servers of a real cluster"),
    );
}

fn check_servers(at: &Key, servers: &[String], findings: &mut Findings<'_>) {
    const HELP: &str = "write each as \"host:port\", such as \"localhost:9092\" or \"[::1]:9092\"";
    if servers.is_empty() {
        findings.refuse(
            Finding::new(format!("`{at}` is empty"))
                .value(at, "")
                .help(HELP),
        );
    }
    for (position, server) in servers.iter().enumerate() {
        let wrong = match server.rsplit_once(':') {
            _ if server.contains("://") => {
                "has a protocol in front: that is the property `security.protocol`"
            }
            _ if server.contains(',') || server.contains(char::is_whitespace) => {
                "is more than one server"
            }
            None => "has no port",
            Some((_, port)) if port.parse::<u16>().map_or(true, |port| port == 0) => {
                "has no valid port"
            }
            Some(("", _)) => "has no host",
            Some((host, _)) if host.contains(':') && !host.starts_with('[') => {
                "is an IPv6 address without its brackets"
            }
            Some(_) => continue,
        };
        let finding = Finding::new(format!("a server of `{at}` {wrong}"));
        findings.refuse(finding.value(&at.join(position.to_string()), "").help(HELP));
    }
}

/// Whether the handler's cluster exists.
pub(super) fn of_handler(handler: &Handler, config: &Config, findings: &mut Findings<'_>) {
    let at = Key::new(["clusters", &handler.cluster]);
    if config.clusters.contains_key(&handler.cluster) || findings.is_broken(&at) {
        return;
    }
    let key = Key::new(["handlers", &handler.name, "cluster"]);
    let name = &handler.cluster;
    let known = config.clusters.keys().map(String::as_str);
    let all = known
        .clone()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ");
    let help = match closest(name, known) {
        _ if all.is_empty() => format!("add a table `[clusters.{name}]` with `bootstrap-servers`"),
        Some(close) => format!("did you mean `{close}`? the clusters of this file are {all}"),
        None => format!("the clusters of this file are {all}; or add a table `[clusters.{name}]`"),
    };
    let finding = if findings.has(&key) {
        Finding::new(format!(
            "`{key}` names a cluster that is not in this file: `{name}`"
        ))
        .value(&key, "")
    } else {
        Finding::new(format!(
            "the handler `{}` names no cluster, and there is none called `{name}`",
            handler.name
        ))
        .name(&key, "")
    };
    findings.refuse(finding.help(help));
}
