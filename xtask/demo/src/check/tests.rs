//! The checker objects to whatever is wrong, and to nothing else.

use super::*;
use crate::stream::Stream;

/// A stream in its places, and exactly what it must make.
fn all_right() -> (Vec<Placed>, Vec<Placed>) {
    let mut stream = Stream::new(1);
    let mut ends = HashMap::new();
    let mut place = |message: Message| {
        let key = message.key.as_deref();
        let partition = key.map_or(0, |key| partitioner::partition(key, scene::PARTITIONS));
        let end: &mut i64 = ends.entry((message.topic.clone(), partition)).or_default();
        *end += 1;
        Placed {
            partition,
            offset: *end - 1,
            message,
        }
    };
    let inputs: Vec<_> = (0..500).map(|_| place(stream.next(1_000))).collect();
    let expected: Vec<_> = inputs.iter().flat_map(expected::of).collect();
    let outputs = expected.into_iter().map(|expected| {
        let mut message = expected.message;
        message
            .headers
            .extend(expected.added.into_iter().map(written));
        place(message)
    });
    let outputs = outputs.collect();
    (inputs, outputs)
}

fn written((name, wanted): (&str, Wanted)) -> (String, Option<Vec<u8>>) {
    let value = match wanted {
        Wanted::Exactly(text) => text,
        Wanted::Something => "something".to_owned(),
    };
    (format!("{DEAD_PREFIX}{name}"), Some(value.into_bytes()))
}

/// The differences after a change to outputs that were all right.
fn after(change: impl FnOnce(&mut Vec<Placed>)) -> Vec<Difference> {
    let (inputs, mut outputs) = all_right();
    change(&mut outputs);
    compare(&inputs, &outputs)
}

/// The same for a change to the first output of a topic: always one alteration, described so.
fn alteration(topic: &str, change: impl FnOnce(&mut Placed)) -> String {
    let differences = after(|outputs| change(first(outputs, topic)));
    let [Difference::Altered { what, .. }] = differences.as_slice() else {
        panic!("{differences:?}")
    };
    what.clone()
}

fn first<'a>(outputs: &'a mut [Placed], topic: &str) -> &'a mut Placed {
    let mut of_topic = outputs.iter_mut().filter(|o| o.message.topic == topic);
    of_topic.find(|o| o.message.key.is_some()).expect(topic)
}

#[test]
fn what_is_right_is_right() {
    let (inputs, outputs) = all_right();
    assert_eq!(compare(&inputs, &outputs), []);
    assert_eq!(outputs.len(), expected_outputs(&inputs));
    assert!(outputs.iter().any(|o| o.message.topic.ends_with(".dead")));
}

#[test]
fn a_missing_output_is_found() {
    let differences = after(|outputs| drop(outputs.remove(7)));
    assert!(
        matches!(differences.as_slice(), [Difference::Missing { .. }]),
        "{differences:?}"
    );
}

#[test]
fn a_doubled_output_is_found() {
    let differences = after(|outputs| {
        let mut again = outputs[7].clone();
        again.offset += 1_000;
        outputs.push(again);
    });
    assert!(
        matches!(differences.as_slice(), [Difference::Doubled { .. }]),
        "{differences:?}"
    );
}

#[test]
fn outputs_that_changed_places_are_found() {
    let differences = after(|outputs| {
        let of_one = |o: &Placed| o.message.topic == "order-audit" && o.partition == 1;
        let places: Vec<usize> = (0..outputs.len())
            .filter(|at| of_one(&outputs[*at]))
            .collect();
        outputs.swap(places[3], places[4]);
    });
    assert!(
        matches!(differences.as_slice(), [Difference::Reordered { .. }]),
        "{differences:?}"
    );
}

#[test]
fn an_output_that_nothing_makes_is_found() {
    let differences = after(|outputs| {
        let mut stray = outputs[7].clone();
        stray.message.timestamp += 1_000_000;
        outputs.push(stray);
    });
    assert!(
        matches!(differences.as_slice(), [Difference::Unexpected { .. }]),
        "{differences:?}"
    );
}

#[test]
fn an_altered_output_is_found() {
    let value = |o: &mut Placed| o.message.value = Some(b"{}".to_vec());
    assert!(
        alteration("notifications", value).contains("the value is `{}`, expected `{\"userId\"")
    );
    let key = |o: &mut Placed| o.message.key = None;
    assert!(alteration("notifications", key).contains("the key is `null`, expected `user-"));
    let empty = |o: &mut Placed| o.message.value = Some(Vec::new());
    assert!(alteration("order-audit", empty).contains("the value is ``"));
    let header = |o: &mut Placed| drop(o.message.headers.pop());
    assert!(alteration("order-audit", header).contains("expected [content-type=application/json"));
    let partition = |o: &mut Placed| o.partition = (o.partition + 1) % 4;
    assert!(alteration("user-activity", partition).contains("its key belongs into"));
}

#[test]
fn null_is_not_empty() {
    let differences = after(|outputs| {
        let tombstone = outputs
            .iter_mut()
            .find(|o| o.message.value.is_none())
            .unwrap();
        tombstone.message.value = Some(Vec::new());
    });
    assert!(
        matches!(differences.as_slice(), [Difference::Altered { .. }]),
        "{differences:?}"
    );
}

#[test]
fn a_dead_letter_must_say_what_happened() {
    let without = alteration("order-events.dead", |o| drop(o.message.headers.pop()));
    assert!(
        without.contains("pelton-dlq-error-text is None"),
        "{without}"
    );
    let elsewhere = alteration("user-events.dead", |o| {
        let is = |(name, _): &&mut (String, _)| name.ends_with("source-offset");
        o.message.headers.iter_mut().find(is).unwrap().1 = Some(b"999".to_vec());
    });
    assert!(
        elsewhere.contains("pelton-dlq-source-offset is Some(\"999\")"),
        "{elsewhere}"
    );
}
