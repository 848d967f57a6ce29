//! The `pullback` command.
fn main() {}
