//! Code generation: loop IR to Cranelift IR, and that to machine code, through Cranelift or, with AVX-512, a back end of our own.
//!
//! [`compile`] takes a verified loop-IR program to an [`Executable`]. The steps, one file or folder each:
//!
//! * [`isa`]: the target, that is which instructions may be used.
//! * `layout`: where buffers are in the table of pointers that a program is called with, and whether they fit the signature.
//! * `emit`: loop IR to Cranelift IR, a function per kernel; generic over where the code goes.
//! * [`math`]: elementwise functions of floats, inline.
//! * `wide`: from Cranelift IR to machine code on processors with AVX-512, with vectors of up to 512 bits. Elsewhere Cranelift does that, with vectors of 128.
//! * `jit`: the code in memory.
//!
//! There is little optimisation here: what a loop looks like was decided in the loop IR, addresses are computed in front of the loops in which
//! they do not change, and either back end selects instructions and allocates registers, no more. What this crate promises is in the
//! runtime's [`abi`](pullback_runtime::abi): generated code stays inside its buffers, does not trap and does not unwind. The loop IR's
//! verifier has established that already; since safe code relies on it, emission checks once more, access by access and at compile time,
//! that no loop leaves a buffer, and refuses as a bug, and does not compile, a program that breaks a rule that matters here. That the iterations of
//! parallel loops do not meet is the verifier's word alone.
#![deny(unsafe_code)]

mod emit;
mod error;
pub mod isa;
#[allow(unsafe_code, reason = "calling machine code is unsafe; the file states why it is sound")]
mod jit;
mod layout;
pub mod math;
mod wide;

use std::time::{Duration, Instant};

use pullback_loops::{Program, Verified};
use pullback_runtime::{Executable, Signature};

pub use emit::KernelTiming;
pub use error::Error;
pub use isa::Features;
pub use layout::runtime_dtype;

/// How to generate code.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options {
    /// Which instructions may be used.
    pub features: Features,
    /// Whether Cranelift's verifier checks the IR, whatever makes machine code of it; for tests, since it takes time.
    pub verify: bool,
    /// How many threads a parallel loop, or a large matrix product that is in none, may use; 0 for as many as the machine runs at once. Results do not
    /// depend on it; memory does, since each thread that runs iterations of a parallel loop has some of its own.
    pub threads: usize,
    /// Whether to return the Cranelift IR.
    pub clif: bool,
    /// Whether to return the disassembly.
    pub asm: bool,
}

/// How long the steps took.
#[derive(Clone, Debug)]
pub struct Timings {
    /// Each function: the kernels in order, the bodies of parallel loops, then, if there is not exactly one kernel alone, what calls them.
    pub kernels: Vec<KernelTiming>,
    /// Everything.
    pub total: Duration,
}

/// A compiled program.
#[derive(Debug)]
pub struct Compiled {
    /// What to call.
    pub executable: Executable,
    /// How long it took.
    pub timings: Timings,
    /// The Cranelift IR of every function, if asked for.
    pub clif: Option<String>,
    /// The disassembly of every function, if asked for. Targets of jumps are offsets, which head the blocks; the bytes after
    /// a function's last block are its constants, shown as if they were code.
    pub asm: Option<String>,
}

/// Compiles a program that the loop IR's verifier accepted, to be called with arguments and results of the signature.
///
/// # Errors
/// A limitation if the processor lacks what is needed, if a kernel is too large or there is no memory; a bug if the
/// program is not what the loop IR says or does not fit the signature.
pub fn compile(program: &Verified<Program>, signature: Signature, options: &Options) -> Result<Compiled, Error> {
    let start = Instant::now();
    let target = isa::Target::host(options.features, options.verify, options.asm)?;
    let workers = emit::workers(program, options.threads)?;
    let layout = layout::Layout::new(program, &signature, workers)?;
    let Options { threads, clif, asm, .. } = *options;
    let settings = emit::Settings { fma: target.fma, wide: target.vector_bytes > 16, threads, workers, clif, asm };
    let mut jit = jit::Jit::new(&target);
    let emitted = emit::emit_program(program, &layout, settings, jit.module()?)?;
    let executable = jit.finish((emitted.entry, &emitted.constants), signature, &layout)?;
    Ok(Compiled {
        executable,
        timings: Timings { kernels: emitted.timings, total: start.elapsed() },
        clif: options.clif.then_some(emitted.clif),
        asm: options.asm.then_some(emitted.asm),
    })
}
