//! The tensor IR: what every other layer of Pullback reads and writes.
//!
//! A [`Module`] holds functions. A [`Function`] is a body [`Region`] of instructions in SSA form whose
//! values are immutable tensors of a static [`Type`]. Instructions carry an [`Op`] (operation and
//! attributes), operands, results and, for structured control flow, nested regions.
//!
//! Reading order:
//!
//! * [`types`]: element types, dimensions, shapes. A type that exists is representable: its element
//!   count and byte size fit far below the address space, so no later layer checks for overflow.
//! * [`op`]: the table of operations, one row each; everything said about an operation elsewhere is an
//!   exhaustive match over [`Op`], so adding a row makes the compiler list what is missing.
//! * [`function`], [`provenance`]: the arenas, and where each instruction came from.
//! * [`regions`]: closed regions, taken out as functions and put back.
//! * [`infer`]: one type-inference function per operation, shared by builder, parser and verifier.
//! * [`builder`]: makes functions; the first mistake is remembered and returned at the end.
//! * [`verify`](mod@verify): collects every violated rule; only it makes a [`Verified`] value, and the layers
//!   behind (interpreter, differentiation, lowering) take nothing else.
//! * [`print`](mod@print), [`parse`]: the text form, which round-trips exactly.
//! * [`rewrite`]: copying and inlining, the mechanics that passes share.
//!
//! Invariants of a verified module: every operand is defined before its use in the same region; every result has the type that inference gives; the call graph has no cycle; names
//! of functions are unique, and names of values are unique within their function.
#![forbid(unsafe_code)]

pub mod builder;
pub mod entities;
pub mod error;
pub mod function;
pub mod infer;
pub mod literal;
pub mod op;
pub mod parse;
pub mod print;
pub mod provenance;
pub mod regions;
pub mod rewrite;
pub mod types;
pub mod verify;

pub use builder::Builder;
pub use entities::{FuncId, Inst, Region, Value};
pub use error::{BuildError, ParseError, ParseErrors, VerifyError, VerifyErrors};
pub use function::{Function, InstData, Module, RegionData};
pub use literal::{Elements, Literal, Scalar};
pub use op::{
    Axes, Binary, Checkpointing, Comparison, ConvSpec, Cumulation, CustomRule, DotDims, Extremum, GatherSpec, Op,
    OpInfo, OutOfBounds, PadSpec, PoolSpec, Pooling, Reduction, ScanSpec, ScatterKind, SliceSpec, Unary, WhileSpec,
    WindowDims, WindowSpec,
};
pub use parse::parse_module;
pub use provenance::{Derivation, Origin, Provenance};
pub use regions::RegionType;
pub use types::{DType, Dim, Shape, Type};
pub use verify::{Verified, verify};
