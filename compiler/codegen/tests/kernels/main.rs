//! Programs built by hand, compiled and run, and compared with values computed here in another way.
//!
//! Every program is compiled for all the processor's features, for these with vectors of 128 bits, and for the baseline, with Cranelift's verifier on.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests")]

mod calls;
mod convert;
mod elementwise;
mod integer;
mod loops;
mod memory;
mod packed;
mod parallel;
mod pressure;
mod run_time;
mod sharing;
mod support;
mod wide;
