//! `cargo xtask test --only instructions` has valgrind count what a message takes in this.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use pelton_bench_counted::{codec, dispatch};

/// Does its work for so many messages, and says something that depends on all of it.
type Part = fn(u32) -> u64;

const PARTS: [(&str, Part); 3] = [
    ("dispatch", dispatch::partition),
    ("codec-batch", codec::batch),
    ("codec-answer", codec::answer),
];

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (name, count) = (arguments.next(), arguments.next());
    let part = PARTS.iter().find(|(part, _)| name.as_deref() == Some(part));
    let count = count.and_then(|count| count.parse().ok());
    let (Some((_, work)), Some(count)) = (part, count) else {
        let names = PARTS.map(|(name, _)| name).join("|");
        eprintln!("usage: pelton-bench-counted {names} MESSAGES");
        return ExitCode::FAILURE;
    };
    println!("{}", work(count));
    ExitCode::SUCCESS
}
