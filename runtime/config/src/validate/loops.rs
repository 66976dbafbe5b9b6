//! Ways that lead back to where they began: over dead letters, over outputs, or both.
//!
//! A poison message must end somewhere. If its dead-letter topic is read by its own handler, or leads back to it over
//! the dead-letter topics of others, it never does: that is always refused. Outputs that come round feed the handlers
//! for ever, unless the code of one ends the loop; that it does is for the operator to say (`allow-loops`).

use std::collections::{BTreeSet, VecDeque};

use crate::{
    Config, Handler, Topics,
    findings::{Finding, Findings},
    key::Key,
    validate::topics::reads,
};

pub(super) fn validate(config: &Config, findings: &mut Findings<'_>) {
    for handler in config.handlers.values() {
        if let Some(way) = circle(handler, config) {
            report(&way, findings);
        }
    }
    for handler in config.handlers.values() {
        swallowed(handler, config, findings);
    }
}

/// One step of a way: what a handler writes, for the next one to read.
#[derive(Clone)]
struct Step<'c> {
    handler: &'c Handler,
    topic: &'c str,
    written: Written,
}

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    DeadLetters,
    /// The output of this position.
    Output(usize),
}

impl Step<'_> {
    /// Where it stands in the file.
    fn key(&self) -> Key {
        let at = Key::new(["handlers", &self.handler.name]);
        match self.written {
            Written::DeadLetters => at.join("dead-letter").join("topic"),
            Written::Output(position) => at.join("outputs").join(position.to_string()),
        }
    }

    fn told(&self) -> String {
        let (name, topic) = (&self.handler.name, self.topic);
        match self.written {
            Written::DeadLetters => format!("`{name}` writes its dead letters to `{topic}`"),
            Written::Output(_) => format!("`{name}` writes `{topic}`"),
        }
    }
}

/// The shortest way from a handler back to it. A way is found once: at the first of its handlers by name.
fn circle<'c>(first: &'c Handler, config: &'c Config) -> Option<Vec<Step<'c>>> {
    let mut passed = BTreeSet::new();
    // Each with the way that leads to it, the nearest first.
    let mut reached = VecDeque::from([(first, Vec::new())]);
    while let Some((handler, way)) = reached.pop_front() {
        for step in steps(handler) {
            let readers = config.handlers.values().filter(|reader| {
                reader.cluster == handler.cluster && reads(&reader.topics, step.topic)
            });
            for reader in readers.filter(|reader| reader.name >= first.name) {
                let own_output =
                    reader.name == handler.name && step.written != Written::DeadLetters;
                // A handler that reads its own output was told so when it was judged alone.
                if own_output {
                    continue;
                }
                let mut way = way.clone();
                way.push(step.clone());
                if reader.name == first.name {
                    return Some(way);
                }
                if passed.insert(&reader.name) {
                    reached.push_back((reader, way));
                }
            }
        }
    }
    None
}

/// What leads on from a handler: its dead letters, and its outputs unless it is said to end what they begin.
fn steps(handler: &Handler) -> impl Iterator<Item = Step<'_>> {
    let letters = handler
        .dead_letter_topic()
        .map(|topic| (topic, Written::DeadLetters));
    let outputs = handler
        .outputs
        .iter()
        .enumerate()
        .filter(|_| !handler.allow_loops)
        .map(|(position, topic)| (topic.as_str(), Written::Output(position)));
    letters
        .into_iter()
        .chain(outputs)
        .map(move |(topic, written)| Step {
            handler,
            topic,
            written,
        })
}

fn report(way: &[Step<'_>], findings: &mut Findings<'_>) {
    match way {
        [step] => own_letters(step, findings),
        way => several(way, findings),
    }
}

/// A way over several handlers.
fn several(way: &[Step<'_>], findings: &mut Findings<'_>) {
    let by_output = |step: &&Step<'_>| step.written != Written::DeadLetters;
    let outputs = names(way.iter().filter(by_output));
    let mut finding = if outputs.is_empty() {
        Finding::new(format!(
            "the dead letters of the handlers {} go round in a circle",
            names(way.iter())
        ))
    } else {
        let steps: Vec<_> = way.iter().map(Step::told).collect();
        Finding::new(format!(
            "handlers feed each other in a circle: {}",
            steps.join(", ")
        ))
    };
    for (step, next) in way.iter().zip(way.iter().cycle().skip(1)) {
        let name = &step.handler.name;
        let label = if outputs.is_empty() {
            format!("`{name}` writes its dead letters here")
        } else {
            format!("`{name}` writes here, and `{}` reads it", next.handler.name)
        };
        finding = finding.value(&step.key(), label);
    }
    findings.refuse(finding.help(if outputs.is_empty() {
        "let one of them write to a topic that none of them reads".to_owned()
    } else {
        format!(
            "let one write to another topic; if the code of one ends the circle, set `allow-loops = true` for it (out of: {outputs})"
        )
    }));
}

fn names<'s>(steps: impl Iterator<Item = &'s Step<'s>>) -> String {
    let names: Vec<_> = steps
        .map(|step| format!("`{}`", step.handler.name))
        .collect();
    names.join(", ")
}

/// Dead letters that their own handler reads.
fn own_letters(step: &Step<'_>, findings: &mut Findings<'_>) {
    let handler = step.handler;
    let (written_at, read_at) = (step.key(), Key::new(["handlers", &handler.name, "topics"]));
    let topic = step.topic;
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
