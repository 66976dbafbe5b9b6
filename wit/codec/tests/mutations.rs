//! A fuzzer that needs no other compiler: answers and batches of a kept corpus, changed at random, are decoded.
//!
//! The changes follow from the commit, so each tries others and can be tried again, and are few enough for every run of
//! the tests. `PELTON_FUZZ_ROUNDS=10000000 cargo test -p pelton-codec --test mutations` goes on for longer, and
//! `PELTON_FUZZ_SEED=N` begins elsewhere. What it finds belongs into `corpus/`, as text.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::{fmt::Write, fs, process::Command};

use pelton_codec::{
    Answer, AnswerWriter, BatchReader, OutputHeaders, OutputRef, VerdictRef, decode_answer,
};

const ROUNDS: u64 = 500_000;
const MESSAGES: u32 = 4;
/// Words that decoders trip over.
const TEMPTING: [u32; 10] = [
    0,
    1,
    2,
    99,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFF0,
    0xFFFF_FFFD,
    0xFFFF_FFFE,
    0xFFFF_FFFF,
];

#[derive(Clone)]
struct Input {
    name: String,
    index: Vec<u32>,
    arena: Vec<u8>,
}

fn corpus() -> Vec<Input> {
    let mut inputs: Vec<Input> = fs::read_dir("tests/corpus")
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let line = |kind: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(kind));
                line.unwrap().split_whitespace()
            };
            let arena: String = line("arena").collect();
            Input {
                name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                index: line("index")
                    .map(|word| u32::from_str_radix(word, 16).unwrap())
                    .collect(),
                arena: (0..arena.len() / 2)
                    .map(|at| u8::from_str_radix(&arena[2 * at..2 * at + 2], 16).unwrap())
                    .collect(),
            }
        })
        .collect();
    inputs.sort_by(|one, other| one.name.cmp(&other.name));
    assert!(inputs.len() >= 7);
    inputs
}

/// Numbers that look random and are the same each time (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^ (word >> 31)
    }

    /// Below `bound`, which is above zero.
    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

fn change(input: &mut Input, other: &Input, random: &mut Random) {
    let Input { index, arena, .. } = input;
    let at = random.below(index.len().max(1));
    match random.below(9) {
        0 if !index.is_empty() => index[at] ^= 1 << random.below(32),
        1 if !index.is_empty() => index[at] = TEMPTING[random.below(TEMPTING.len())],
        2 if !index.is_empty() => {
            let step = random.below(3) as u32;
            index[at] = index[at].wrapping_add(step).wrapping_sub(1);
        }
        3 => index.truncate(at),
        4 => index.insert(at, TEMPTING[random.below(TEMPTING.len())]),
        5 if !index.is_empty() => drop(index.remove(at)),
        6 => {
            index.truncate(at);
            index.extend(&other.index[random.below(other.index.len())..]);
        }
        7 if !arena.is_empty() => {
            let at = random.below(arena.len());
            arena[at] = random.next() as u8;
        }
        _ => arena.resize(random.below(64), b'x'),
    }
}

/// An answer in words, with everything that is in it.
fn told(answer: &Answer<'_>) -> String {
    let mut text = String::new();
    for verdict in answer.verdicts() {
        let VerdictRef::Done(outputs) = verdict else {
            let _ = writeln!(text, "{verdict:?}");
            continue;
        };
        let _ = writeln!(text, "done");
        for output in outputs {
            let OutputRef {
                topic,
                partition,
                timestamp,
                key,
                value,
                headers,
            } = output;
            let _ = write!(
                text,
                " {topic:?} {partition:?} {timestamp:?} {key:?} {value:?}"
            );
            if let OutputHeaders::Own(headers) = headers {
                let _ = write!(text, " {:?}", headers.collect::<Vec<_>>());
            }
            text.push('\n');
        }
    }
    text
}

fn write(answer: &Answer<'_>) -> AnswerWriter {
    let mut writer = AnswerWriter::new();
    for verdict in answer.verdicts() {
        match verdict {
            VerdictRef::Done(outputs) => {
                writer.done();
                outputs
                    .iter()
                    .for_each(|output| writer.output(*output).unwrap());
            }
            VerdictRef::Retry(delay) => writer.retry(delay),
            VerdictRef::Reject(text) => writer.reject(text).unwrap(),
            VerdictRef::Other(text) => writer.other(text).unwrap(),
            VerdictRef::NotAttempted => writer.not_attempted(),
        }
    }
    writer
}

/// Whether it was an answer. One that is taken says the same when it is written anew, and holds no more than its
/// words can say.
fn decode(input: &Input) -> bool {
    if let Ok(reader) = BatchReader::new(&input.arena, &input.index) {
        let messages = reader.flatten().map(|message| message.headers.count());
        assert!(messages.sum::<usize>() <= input.index.len());
    }
    let Ok(answer) = decode_answer(&input.arena, &input.index, MESSAGES) else {
        return false;
    };
    assert!(answer.len() <= MESSAGES as usize);
    assert!(8 * answer.outputs().len() <= input.index.len());
    let writer = write(&answer);
    let again = decode_answer(writer.arena(), writer.index(), MESSAGES).unwrap();
    assert_eq!(told(&answer), told(&again));
    true
}

#[test]
fn the_corpus_is_what_it_says() {
    for input in corpus() {
        if input.name.starts_with("batch") {
            let mut reader = BatchReader::new(&input.arena, &input.index).unwrap();
            assert!(reader.remaining() > 0);
            assert!(reader.all(|message| message.is_ok()));
        } else {
            assert!(decode(&input), "{}", input.name);
        }
    }
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().unwrap())
}

/// A number that is the commit's own; 0 where there is none.
fn commit() -> u64 {
    let git = Command::new("git")
        .args(["rev-parse", "--short=12", "HEAD"])
        .output();
    let hash = git
        .ok()
        .and_then(|said| String::from_utf8(said.stdout).ok());
    let digits = hash.as_deref().and_then(|hash| hash.get(..12));
    digits.map_or(0, |digits| u64::from_str_radix(digits, 16).unwrap())
}

#[test]
fn changed_answers_and_batches_are_refused_or_understood() {
    let rounds = number("PELTON_FUZZ_ROUNDS").unwrap_or(ROUNDS);
    let seed = number("PELTON_FUZZ_SEED").unwrap_or_else(commit);
    println!("{rounds} rounds from PELTON_FUZZ_SEED={seed}");
    let corpus = corpus();
    let mut taken = 0_u64;
    for round in 0..rounds {
        let random = &mut Random(seed.wrapping_add(round));
        let mut input = corpus[random.below(corpus.len())].clone();
        let other = &corpus[random.below(corpus.len())];
        for _ in 0..=random.below(4) {
            change(&mut input, other, random);
        }
        let decoded = std::panic::catch_unwind(|| decode(&input));
        let Ok(decoded) = decoded else {
            panic!(
                "PELTON_FUZZ_SEED={}, from {}: index {:x?}, arena {:02x?}",
                seed.wrapping_add(round),
                input.name,
                input.index,
                input.arena
            );
        };
        taken += u64::from(decoded);
    }
    // Else it would only have been tried how rubbish is refused.
    assert!(taken > rounds / 50, "{taken} of {rounds} were answers");
}
