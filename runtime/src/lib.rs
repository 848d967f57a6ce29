//! What compiled programs need at run time, and nothing of the compiler.
//!
//! A compiled program is one function of machine code and some data. This crate says how that function is called and wraps it
//! so that safe code can call it:
//!
//! * [`abi`]: the function's type, the table of pointers it takes, and what it may do with them.
//! * [`memory`]: memory aligned to cache lines; a size that cannot be had is an error, not an abort.
//! * [`tensor`]: an owned tensor. [`view`]: a borrowed one, from slices and from `ndarray` arrays.
//! * [`signature`]: names, element types and shapes of arguments and results, and the checks against them.
//! * [`executable`]: the program. It checks its arguments once per call, allocates nothing per call once warm, is `Send + Sync` and
//!   cheap to clone. [`bound`]: a call checked in advance, for the smallest overhead.
//! * [`pool`]: the threads of parallel loops and of large matrix products.
//! * [`gemm`](mod@gemm): the matrix-product kernels that generated code calls. [`kernels`]: the others, for sorting and linear algebra.
//!
//! This is one of the two places of the workspace with `unsafe` code (the other is the file that loads machine code). The
//! division of duties: whoever makes an [`Executable`] vouches that the machine code keeps to [`abi`]; this crate sees to it
//! that the pointers in the table are what [`abi`] promises.

pub mod abi;
pub mod bound;
pub mod error;
pub mod executable;
pub mod gemm;
pub mod kernels;
pub mod memory;
pub mod pool;
pub mod signature;
pub mod tensor;
pub mod view;

pub use abi::{DType, Element, EntryFn, TableLayout};
pub use bound::Bound;
pub use error::CallError;
pub use executable::{Executable, Parts};
pub use signature::{Parameter, Signature};
pub use tensor::Tensor;
pub use view::{ArgMut, ArgRef};
