//! Each group protocol with dynamic and with static membership: a run each, and a table.

use anyhow::Result;

use crate::{
    options::{Options, Protocol},
    run,
};

/// How long each run lasts where nothing else is said.
const SECONDS: u64 = 30;

/// Runs them all; whether all were kept.
pub fn run(options: &Options) -> Result<bool> {
    let mut rows = Vec::new();
    for protocol in [Protocol::Eager, Protocol::Cooperative, Protocol::Consumer] {
        for static_members in [false, true] {
            let membership = if static_members { "static" } else { "dynamic" };
            println!("\n== {} protocol, {membership} membership", protocol.name());
            let own = Options {
                protocol,
                static_members,
                matrix: false,
                seconds: Some(options.seconds.unwrap_or(SECONDS)),
                ..options.clone()
            };
            let (kept, line) = match run::run(&own) {
                Ok(verdict) => (verdict.is_kept(), verdict.line()),
                Err(error) => (false, format!("verdict: none: {error:#}")),
            };
            println!("{line}");
            rows.push((protocol.name(), membership, kept, line));
        }
    }
    println!();
    for (protocol, membership, _, line) in &rows {
        println!("{protocol:<12} {membership:<8} {line}");
    }
    let broken = rows.iter().filter(|(_, _, kept, _)| !kept).count();
    let total = rows.len();
    println!("verdict: {} of {total} combinations kept", total - broken);
    Ok(broken == 0)
}
