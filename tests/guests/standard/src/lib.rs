//! Looks around with the standard library, as code does that was written for no sandbox, and answers with a line for
//! each thing that it has found. Built for wasm32-wasip2 as well, where the standard library asks the host.

use std::{
    collections::HashMap,
    env, fmt, fs,
    io::{Read, stdin},
    net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket},
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use pelton_sdk::{Failure, Message, Output};

#[pelton_sdk::handler]
fn handle(message: &Message) -> Result<Output, Failure> {
    let value = message.value_str().unwrap_or_default();
    println!("standard output about {value}");
    eprintln!("standard error about {value}");
    Ok(Output::forward().value(around().join("\n")))
}

/// What there is, a line for each thing.
fn around() -> Vec<String> {
    let begun = Instant::now();
    let mut read = String::new();
    let input = stdin().read_to_string(&mut read);
    // Its keys are drawn by chance: that too asks the host.
    let counts: HashMap<String, String> = [
        ("arguments", env::args_os().count()),
        ("variables", env::vars_os().count()),
        ("input", read.len()),
    ]
    .map(|(what, count)| (what.to_owned(), count.to_string()))
    .into();
    let mut lines: Vec<String> = counts
        .iter()
        .map(|(what, count)| format!("{what} {count}"))
        .collect();
    lines.sort();
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    lines.extend([
        tried("input", input),
        tried("a variable", env::var("PATH")),
        tried("a folder", fs::read_dir("/")),
        tried("the working folder", fs::read_dir(".")),
        tried("a file", fs::read("/etc/hostname")),
        tried("a new file", fs::write("/tmp/standard", "x")),
        tried("a connection", TcpStream::connect(("127.0.0.1", 9))),
        tried("a listener", TcpListener::bind(("127.0.0.1", 0))),
        tried("a socket", UdpSocket::bind(("127.0.0.1", 0))),
        tried("a name", ("localhost", 80).to_socket_addrs()),
        format!(
            "the year is 2026 or later: {}",
            since.is_ok_and(|since| since.as_secs() >= 1_767_225_600)
        ),
        format!("time goes forward: {}", begun <= Instant::now()),
    ]);
    lines
}

fn tried<T, E: fmt::Display>(what: &str, result: Result<T, E>) -> String {
    let came = if result.is_ok() { "there" } else { "refused" };
    if let Err(error) = result {
        eprintln!("{what}: {error}");
    }
    format!("{what}: {came}")
}

#[cfg(test)]
mod tests {
    use pelton_sdk::testing::TestMessage;

    use super::*;

    /// Outside of a sandbox there is something to find, so that finding nothing says something about the sandbox.
    #[test]
    fn a_process_finds_what_a_sandbox_does_not_have() {
        let mut produced = TestMessage::new("in").value("x").handle(handle).unwrap();
        let found = produced
            .remove(0)
            .value_str()
            .unwrap_or_default()
            .to_owned();
        for there in [
            "a variable: there",
            "a folder: there",
            "a listener: there",
            "a socket: there",
            "a name: there",
            "the year is 2026 or later: true",
        ] {
            assert!(found.lines().any(|line| line == there), "{found}");
        }
        assert!(!found.contains("arguments 0"), "{found}");
        assert!(!found.contains("variables 0"), "{found}");
    }
}
