//! What the Rust suites share: random numbers, inputs, random programs, comparison, reduction of failing programs.
//!
//! * [`rng`]: a small published generator of random numbers, the same everywhere.
//! * [`differences`]: derivatives against central differences, and forward against reverse mode.
//! * [`jit`]: running compiled code.
//! * [`inputs`]: arrays of random elements, tame or extreme.
//! * [`templates`]: one instance of every operation of the table; the suites are complete if this list is.
//! * [`smooth`]: operations wrapped so that values stay moderate.
//! * [`program`]: random programs, valid by construction.
//! * [`permitted`]: the error that the specification permits each operation.
//! * [`tolerance`]: how far a compiled program may differ from the interpreter, element by element.
//! * [`moved`]: interpretation with random rounding, which that is measured by.
//! * [`shrink`]: makes a failing program small.
//! * [`work`](mod@work): what a loop program executes, fused and not.
//! * [`run`](mod@run): running functions, with panics that name the program.
#![allow(dead_code, unreachable_pub, reason = "each suite uses a part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

pub mod differences;
pub mod inputs;
pub mod jit;
pub mod moved;
pub mod permitted;
pub mod program;
pub mod rng;
pub mod run;
pub mod shrink;
pub mod smooth;
pub mod templates;
pub mod tolerance;
pub mod work;
