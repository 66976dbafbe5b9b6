//! Retry topics, `GROUP.retry`: whoever redrives dead letters writes there, and only the handler that wrote those reads it.

use crate::{
    Config, Handler, Topics,
    findings::{Finding, Findings},
    key::Key,
    validate::{names::wrong_name, topics::reads},
};

pub(super) fn validate(config: &Config, findings: &mut Findings<'_>) {
    for handler in config.handlers.values() {
        name(handler, findings);
        written(handler, config, findings);
        read(handler, config, findings);
    }
}

/// The first redrive would fail where the group can't be a part of a topic's name.
fn name(handler: &Handler, findings: &mut Findings<'_>) {
    let group_at = Key::new(["handlers", &handler.name, "group"]);
    // Else it is made of the handler's name; and what is blank was told so.
    if !findings.has(&group_at) || handler.group.trim().is_empty() {
        return;
    }
    let Some(retry) = handler.retry_topic() else {
        return;
    };
    let Some(wrong) = wrong_name(&retry) else {
        return;
    };
    let finding = Finding::new(format!(
        "`{group_at}` can't be a part of a topic's name, and dead letters are redriven to `GROUP.retry`, which {wrong}"
    ));
    findings.refuse(finding.value(&group_at, "").help(
        "name the group by letters, digits, `.`, `_` and `-`, 243 at the most, or write no dead letters (`on-exhausted`)",
    ));
}

/// Nobody writes what is only for redriven messages: it would come round, or be taken for another message.
fn written(handler: &Handler, config: &Config, findings: &mut Findings<'_>) {
    let at = Key::new(["handlers", &handler.name]);
    let outputs = handler.outputs.iter().enumerate().map(|(position, topic)| {
        let key = at.join("outputs").join(position.to_string());
        (key, topic.as_str())
    });
    let letters = handler
        .dead_letter_topic()
        .map(|topic| (at.join("dead-letter").join("topic"), topic));
    for (key, topic) in outputs.chain(letters) {
        let reader = config.handlers.values().find(|reader| {
            reader.cluster == handler.cluster && reader.retry_topic().as_deref() == Some(topic)
        });
        let Some(reader) = reader else { continue };
        let finding = Finding::new(format!(
            "`{topic}` is the topic that dead letters of handler `{}` are redriven to: it reads it by itself",
            reader.name
        ));
        findings.refuse(
            finding
                .value(&key, "and nobody else writes to it")
                .help("write to another topic, or give that handler another `group`"),
        );
    }
}

/// Nobody else reads it: what is redriven would reach a handler that never gave up on it. An expression may have taken
/// it in unnoticed, and is warned of.
fn read(handler: &Handler, config: &Config, findings: &mut Findings<'_>) {
    let key = Key::new(["handlers", &handler.name, "topics"]);
    let others = config
        .handlers
        .values()
        .filter(|other| other.name != handler.name && other.cluster == handler.cluster);
    for other in others {
        let retry = other.retry_topic();
        let Some(retry) = retry.filter(|retry| reads(&handler.topics, retry)) else {
            continue;
        };
        let whose = format!(
            "`{retry}`, which dead letters of handler `{}` are redriven to",
            other.name
        );
        match &handler.topics {
            Topics::Pattern(_) => {
                let message = format!("`{key}` also matches {whose}");
                findings.warn(&config.file.display().to_string(), &key, &message);
            }
            Topics::List(list) => {
                let position = list.iter().position(|topic| *topic == retry);
                let position = position.unwrap_or_default().to_string();
                let finding = Finding::new(format!("`{key}` names {whose}"));
                findings.refuse(
                    finding
                        .value(&key.join(position), "only that handler reads it, by itself")
                        .help("remove it: what is redriven to a handler is for nobody else"),
                );
            }
        }
    }
}
