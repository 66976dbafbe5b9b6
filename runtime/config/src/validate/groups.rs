//! Handlers that share a consumer group.

use crate::{
    Config,
    findings::{Finding, Findings},
    key::Key,
    validate::topics::overlap,
};

/// Two handlers in one group with a topic in common would share out its messages between them, by partition:
/// each sees some, neither all.
pub(super) fn validate(config: &Config, findings: &mut Findings<'_>) {
    let handlers: Vec<_> = config.handlers.values().collect();
    for (position, one) in handlers.iter().enumerate() {
        let later = handlers.iter().skip(position + 1);
        for two in later.filter(|two| two.cluster == one.cluster && two.group == one.group) {
            let (one_at, two_at) = (
                Key::new(["handlers", &one.name, "group"]),
                Key::new(["handlers", &two.name, "group"]),
            );
            if overlap(&one.topics, &two.topics) {
                let finding = Finding::new(format!(
                    "`{one_at}` and `{two_at}` are the same, `{}`, and both handlers read the same topic",
                    one.group
                ));
                findings.refuse(
                    finding
                        .value(&one_at, "this group")
                        .value(&two_at, "and this one")
                        .help("give each a group of its own: in one group each would see only some of the messages"),
                );
            } else {
                let message = format!(
                    "`{one_at}` and `{two_at}` are the same: a rebalance of one handler is one of the other too"
                );
                findings.warn(&config.file.display().to_string(), &two_at, &message);
            }
        }
    }
}
