//! The demonstration behind `cargo xtask demo`.
mod check;
mod expected;
mod message;
mod partitioner;
mod scene;
mod stream;
fn main() {}
