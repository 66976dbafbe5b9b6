//! Nothing but benches: `cargo bench -p pelton-bench-rooms --target-dir target/bench`, after `cargo xtask guests`.
#![forbid(unsafe_code)]
