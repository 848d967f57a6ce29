//! The loop IR: programs by hand, the verifier's rules, the text form, and everything that lowering makes.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod lowering;
mod packing;
mod random;
mod specification;
mod statements;
mod support;
mod text;
mod verifier;
mod work;
