//! Compares what came out with what must have: each expected output exactly once, unaltered, in order.
//!
//! An output is traced to its input by its topic and timestamp: see the invariant of [`crate::stream`].

use std::{collections::HashMap, fmt};

use crate::{
    expected::{self, DEAD_PREFIX, Expected, Wanted},
    message::{Headers, Message, Placed, text},
    partitioner, scene,
};

/// Something that is not as it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    /// An output never came.
    Missing {
        /// Its topic.
        topic: String,
        /// Where its input is.
        input: String,
    },
    /// An output came again.
    Doubled {
        /// Where the repetition is.
        output: String,
        /// Where its input is.
        input: String,
    },
    /// An output that no input explains.
    Unexpected {
        /// Where it is.
        output: String,
        /// Its value.
        value: String,
    },
    /// An output differs from what it must be.
    Altered {
        /// Where it is.
        output: String,
        /// Where its input is.
        input: String,
        /// In what it differs.
        what: String,
    },
    /// Outputs of one partition stand in another order than their inputs.
    Reordered {
        /// Where the output is that comes too late.
        output: String,
        /// Where its input is.
        input: String,
        /// The offset, in the same partition, of the input whose output comes before.
        after: i64,
    },
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { topic, input } => write!(f, "missing in {topic}: what {input} makes"),
            Self::Doubled { output, input } => write!(f, "doubled: {output}, made of {input}"),
            Self::Unexpected { output, value } => {
                write!(f, "unexpected: {output}, nothing makes it: {value}")
            }
            Self::Altered {
                output,
                input,
                what,
            } => write!(f, "altered: {output}, made of {input}: {what}"),
            Self::Reordered {
                output,
                input,
                after,
            } => write!(
                f,
                "reordered: {output}, made of {input}, comes after that of offset {after}"
            ),
        }
    }
}

/// An output that is waited for, and the input that makes it.
struct Awaited<'a> {
    input: &'a Placed,
    expected: Expected,
    came: bool,
}

/// How many outputs these inputs make.
pub fn expected_outputs(inputs: &[Placed]) -> usize {
    inputs.iter().map(|input| expected::of(input).len()).sum()
}

/// All differences between what these inputs must make and what was read; `outputs` stand in the order of their
/// partitions.
pub fn compare(inputs: &[Placed], outputs: &[Placed]) -> Vec<Difference> {
    let mut awaited = HashMap::new();
    for input in inputs {
        for expected in expected::of(input) {
            let id = (expected.message.topic.clone(), expected.message.timestamp);
            awaited.insert(
                id,
                Awaited {
                    input,
                    expected,
                    came: false,
                },
            );
        }
    }
    let mut differences = Vec::new();
    let mut last = HashMap::new();
    for output in outputs {
        let id = (output.message.topic.clone(), output.message.timestamp);
        let Some(awaited) = awaited.get_mut(&id) else {
            differences.push(unexpected(output));
            continue;
        };
        let (input, place) = (awaited.input.to_string(), output.to_string());
        if std::mem::replace(&mut awaited.came, true) {
            differences.push(Difference::Doubled {
                output: place,
                input,
            });
            continue;
        }
        let what = alterations(&awaited.expected, output);
        if !what.is_empty() {
            differences.push(Difference::Altered {
                output: place.clone(),
                input: input.clone(),
                what: what.join("; "),
            });
        }
        // Between partitions of a topic there is no order to keep; within one, key by key, there is.
        let way = (
            &awaited.input.message.topic,
            awaited.input.partition,
            &output.message.topic,
            output.partition,
        );
        match last.insert(way, awaited.input.offset) {
            Some(after) if after > awaited.input.offset => {
                differences.push(Difference::Reordered {
                    output: place,
                    input,
                    after,
                });
            }
            _ => {}
        }
    }
    let mut missing: Vec<_> = awaited.values().filter(|awaited| !awaited.came).collect();
    missing.sort_by_key(|awaited| awaited.expected.message.timestamp);
    differences.extend(missing.into_iter().map(|awaited| Difference::Missing {
        topic: awaited.expected.message.topic.clone(),
        input: awaited.input.to_string(),
    }));
    differences
}

fn unexpected(output: &Placed) -> Difference {
    Difference::Unexpected {
        output: output.to_string(),
        value: text(output.message.value.as_deref()),
    }
}

/// In what an output differs, for people.
fn alterations(expected: &Expected, output: &Placed) -> Vec<String> {
    let mut all = Vec::new();
    let (wanted, is): (&Message, &Message) = (&expected.message, &output.message);
    for (what, wanted, is) in [
        ("key", &wanted.key, &is.key),
        ("value", &wanted.value, &is.value),
    ] {
        if wanted != is {
            let (wanted, is) = (text(wanted.as_deref()), text(is.as_deref()));
            all.push(format!("the {what} is `{is}`, expected `{wanted}`"));
        }
    }
    // A null key may go to any partition.
    if let Some(key) = is.key.as_deref() {
        let partition = partitioner::partition(key, scene::PARTITIONS);
        if partition != output.partition {
            all.push(format!(
                "it is in partition {}, its key belongs into {partition}",
                output.partition
            ));
        }
    }
    let (own, added): (Headers, Headers) = is
        .headers
        .iter()
        .cloned()
        .partition(|(name, _)| !name.starts_with(DEAD_PREFIX));
    if own != wanted.headers {
        all.push(format!(
            "the headers are {}, expected {}",
            shown(&own),
            shown(&wanted.headers)
        ));
    }
    if added.len() != expected.added.len() {
        all.push(format!(
            "{} headers {DEAD_PREFIX}*, expected {}",
            added.len(),
            expected.added.len()
        ));
    }
    for (name, wanted) in &expected.added {
        let is = is.header(&format!("{DEAD_PREFIX}{name}"));
        let right = match wanted {
            Wanted::Exactly(text) => is.as_ref() == Some(text),
            Wanted::Something => is.as_ref().is_some_and(|text| !text.is_empty()),
        };
        if !right {
            all.push(format!(
                "{DEAD_PREFIX}{name} is {is:?}, expected {wanted:?}"
            ));
        }
    }
    all
}

fn shown(headers: &Headers) -> String {
    let each = headers
        .iter()
        .map(|(name, value)| format!("{name}={}", text(value.as_deref())));
    format!("[{}]", each.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests;
