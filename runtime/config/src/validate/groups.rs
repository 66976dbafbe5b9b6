//! Handlers that share a consumer group.

use crate::{
    Config, Handler,
    findings::{Finding, Findings},
    key::Key,
    validate::topics::overlap,
};

/// What two handlers of one group both read is shared out between them, by partition: each sees some of it, neither all.
pub(super) fn validate(config: &Config, findings: &mut Findings<'_>) {
    let handlers: Vec<_> = config.handlers.values().collect();
    for (position, one) in handlers.iter().enumerate() {
        let later = handlers.iter().skip(position + 1);
        for two in later.filter(|two| two.cluster == one.cluster && two.group == one.group) {
            shared(one, two, config, findings);
        }
    }
}

fn shared(one: &Handler, two: &Handler, config: &Config, findings: &mut Findings<'_>) {
    let at = |handler: &Handler| Key::new(["handlers", &handler.name, "group"]);
    let (one_at, two_at) = (at(one), at(two));
    let same = format!("`{one_at}` and `{two_at}` are the same");
    let (why, help) = if overlap(&one.topics, &two.topics) {
        let help =
            "give each a group of its own: in one group each would see only some of the messages";
        ("both handlers read the same topic", help.to_owned())
    } else if let (Some(retry), Some(_)) = (one.retry_topic(), two.retry_topic()) {
        let help = format!(
            "give each a group of its own: what is redriven goes to `{retry}`, and in one group each handler would be given messages of the other from there"
        );
        ("both handlers write dead letters", help)
    } else {
        let message = format!("{same}: a rebalance of one handler is one of the other too");
        findings.warn(&config.file.display().to_string(), &two_at, &message);
        return;
    };
    let finding = Finding::new(format!("{same}, `{}`, and {why}", one.group));
    findings.refuse(
        finding
            .value(&one_at, "this group")
            .value(&two_at, "and this one")
            .help(help),
    );
}
