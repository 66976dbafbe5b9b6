//! Dead letters that come back to whom they came from.
//!
//! A poison message must end somewhere. If its dead-letter topic is read by its own handler, or leads back to it over
//! the dead-letter topics of others, it never does.

use std::collections::BTreeSet;

use crate::{
    Config, Handler, Topics,
    findings::{Finding, Findings},
    key::Key,
    validate::topics::reads,
};

pub(super) fn validate(config: &Config, findings: &mut Findings<'_>) {
    for handler in config.handlers.values() {
        let mut way = vec![handler];
        if find(handler, config, &mut way, &mut BTreeSet::new()) {
            report(&way, findings);
        }
    }
    for handler in config.handlers.values() {
        swallowed(handler, config, findings);
    }
}

/// Follows dead letters from the last handler of the way until they are back at its first.
fn find<'c>(
    first: &Handler,
    config: &'c Config,
    way: &mut Vec<&'c Handler>,
    passed: &mut BTreeSet<&'c str>,
) -> bool {
    let Some(last) = way.last().copied() else {
        return false;
    };
    let Some(topic) = last.dead_letter_topic() else {
        return false;
    };
    let readers = config
        .handlers
        .values()
        .filter(|reader| reader.cluster == last.cluster && reads(&reader.topics, topic));
    for reader in readers {
        if reader.name == first.name {
            return true;
        }
        // A loop is reported once: at the first of its handlers by name.
        if reader.name < first.name || !passed.insert(&reader.name) {
            continue;
        }
        way.push(reader);
        if find(first, config, way, passed) {
            return true;
        }
        way.pop();
    }
    false
}

fn report(way: &[&Handler], findings: &mut Findings<'_>) {
    let topic_key =
        |handler: &Handler| Key::new(["handlers", &handler.name, "dead-letter", "topic"]);
    let topics_key = |handler: &Handler| Key::new(["handlers", &handler.name, "topics"]);
    let [handler] = way else {
        let names = way
            .iter()
            .map(|handler| format!("`{}`", handler.name))
            .collect::<Vec<_>>()
            .join(", ");
        let mut finding = Finding::new(format!(
            "the dead letters of the handlers {names} go round in a circle"
        ));
        for handler in way {
            let label = format!("`{}` writes its dead letters here", handler.name);
            finding = finding.value(&topic_key(handler), label);
        }
        findings.refuse(finding.help("let one of them write to a topic that none of them reads"));
        return;
    };
    let topic = handler.dead_letter_topic().unwrap_or_default();
    let (written_at, read_at) = (topic_key(handler), topics_key(handler));
    let how = match handler.topics {
        Topics::List(_) => "which it reads",
        Topics::Pattern(_) => "which its own expression matches",
    };
    let message =
        format!("`{written_at}` and `{read_at}` clash: dead letters go to `{topic}`, {how}");
    let finding = if findings.has(&written_at) {
        Finding::new(message)
            .value(&written_at, "dead letters go here")
            .value(&read_at, "and are read here again")
    } else {
        Finding::new(message).value(
            &read_at,
            format!("reads `{topic}`, where dead letters go by default"),
        )
    };
    findings.refuse(finding.help(match handler.topics {
        Topics::List(_) => {
            "choose another dead-letter topic: a message that fails would never end".to_owned()
        }
        Topics::Pattern(_) => {
            "choose a dead-letter topic that the expression does not match, or narrow it".to_owned()
        }
    }));
}

/// Warns of an expression that also takes in the dead letters of another handler.
fn swallowed(handler: &Handler, config: &Config, findings: &mut Findings<'_>) {
    if matches!(handler.topics, Topics::List(_)) {
        return;
    }
    let others = config
        .handlers
        .values()
        .filter(|other| other.name != handler.name && other.cluster == handler.cluster);
    for other in others {
        let Some(topic) = other
            .dead_letter_topic()
            .filter(|topic| reads(&handler.topics, topic))
        else {
            continue;
        };
        let key = Key::new(["handlers", &handler.name, "topics"]);
        let message = format!(
            "`{key}` also matches `{topic}`, the dead letters of handler `{}`",
            other.name
        );
        findings.warn(&config.file.display().to_string(), &key, &message);
    }
}
