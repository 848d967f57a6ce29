//! The loop IR: a program as explicit loops over flat buffers.
//!
//! A [`Program`] is what a whole function of the tensor IR becomes: a list of buffers and a list of
//! [`Step`]s run in order: [`Kernel`]s, and loops and branches around more of them. A kernel is a nest of loops with loads, scalar or vector arithmetic and stores. Nothing is implicit any more: every index is an
//! affine expression of loop counters, every vector has its lanes in its type, every buffer its place in memory. There is no
//! interpreter between kernels at run time.
//!
//! The stages, one file or folder each:
//!
//! * [`program`]: the data, and what each part means; [`step`]: the control flow around kernels; [`call`]: the runtime's routines.
//! * [`mod@lower`]: from a fusion plan to kernels. A region is evaluated by *pulling*: the value stored at an output
//!   position asks for its operands at the positions that the index maps of its operation give, down to loads.
//! * [`schedule`]: how a nest is run (lanes, unrolling, blocks of a reduction), a pure function of shapes.
//! * [`contract_mul_add`](mod@contract_mul_add): `a · b + c` as one operation.
//! * [`join_loops`](mod@join_loops): loops over the same positions as one loop.
//! * [`pack_operands`](mod@pack_operands): right factors of matrix products packed before the loops in which they stay.
//! * [`promote`](mod@promote): loops of few statements as one kernel, with their state in variables.
//! * [`eliminate_common_subexpressions`](mod@eliminate_common_subexpressions): what is computed twice, once.
//! * [`interleave`](mod@interleave): copies of a chain of long functions in turns.
//! * `remove_dead`: stores that nobody reads any more, and their buffers.
//! * [`memory`]: offsets in the one arena and in the memory of each worker of parallel loops, from lifetimes.
//! * [`mod@verify`]: single assignment, types, that **every access of every loop stays inside its buffer** and that **iterations of parallel loops do not
//!   meet**; code generation emits neither bounds checks nor locks and relies on this.
//! * [`traffic`]: the bytes and operations that a program is worth; [`mod@isolate`]: its steps and their parts as programs of their own; [`mod@prefix`]: what these
//!   parts are, and what is in front of each. All three are for measuring.
//! * [`print`](mod@print), [`parse`]: the text form, which round-trips exactly.
//! * [`interpret`](mod@interpret): runs a program slowly and checks every access; the oracle of code generation.
#![forbid(unsafe_code)]

pub mod call;
pub mod contract_mul_add;
pub mod eliminate_common_subexpressions;
pub mod error;
pub mod interleave;
pub mod interpret;
pub mod isolate;
pub mod join_loops;
pub mod lower;
pub mod memory;
pub mod pack_operands;
pub mod parse;
pub mod prefix;
pub mod print;
pub mod program;
pub mod promote;
mod remove_dead;
pub mod schedule;
pub mod step;
pub mod traffic;
pub mod verify;

pub use call::{Access, Routine, RuntimeCall, View, ViewAxis};
pub use contract_mul_add::contract_mul_add;
pub use eliminate_common_subexpressions::eliminate_common_subexpressions;
pub use error::Error;
pub use interleave::interleave;
pub use interpret::{interpret, interpret_backwards};
pub use isolate::{isolate, isolate_parts};
pub use join_loops::{join_kernels, join_loops};
pub use lower::{Donation, Target, lower, lower_donating};
pub use pack_operands::pack_operands;
pub use parse::parse_program;
pub use prefix::{parts, prefix};
pub use program::{
    Affine, Bind, Buffer, BufferData, Carried, Expr, For, Gemm, If, Index, Kernel, Matrix, PACKED_WIDTH, Pack, Packed,
    Place, Program, Rhs, Space, Stmt, Var, VarType, packed_elements,
};
pub use promote::promote;
pub use step::{Branch, Loop, Step, While};
pub use traffic::Traffic;
pub use verify::{Verified, VerifyError, VerifyErrors, can_run_in_parallel, verify};
