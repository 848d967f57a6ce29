//! Machine code with vectors of up to 512 bits, for x86-64 processors with AVX-512.
//!
//! Cranelift's code generator has vectors of 128 bits alone on x86-64. Its IR has wider ones, so that whatever makes the IR is the same for both; what the IR lacks are
//! [`intrinsics`]. On a processor with AVX-512 all functions go this way unless less is asked for ([`Features`](crate::Features)): loops, scalars and calls too.
//!
//! Three steps: [`select`] makes machine instructions of Cranelift's; [`allocate`] assigns registers, through regalloc2; [`encode`] makes bytes of them, through
//! iced-x86. [`inst`] has what they share, [`codes`] the names of instructions by type and width.
//!
//! Before: a function that Cranelift's verifier accepts, of the instructions that emission makes for such functions (`emit`'s module header says which); every block
//! comes behind those that dominate it. After: code that does what Cranelift's would. 512-bit vectors keep the instructions few; the processor may execute each as two halves.

mod allocate;
mod codes;
mod encode;
mod inst;
pub(crate) mod intrinsics;
mod select;
#[cfg(test)]
mod tests;

use cranelift_codegen::ir::Function;
use cranelift_module::ModuleReloc;

/// A compiled function.
pub(crate) struct Machine {
    pub(crate) code: Vec<u8>,
    pub(crate) alignment: u64,
    pub(crate) relocs: Vec<ModuleReloc>,
    /// Where blocks begin, in order.
    pub(crate) blocks: Vec<usize>,
}

/// Compiles a function; what it refuses it says for people.
pub(crate) fn compile(function: &Function, registers: &mut regalloc2::Ctx) -> Result<Machine, String> {
    let code = select::select(function)?;
    allocate::allocate(&code, registers).map_err(|error| error.to_string())?;
    let encoded = encode::encode(function, &code, &registers.output).map_err(|error| error.to_string())?;
    let encode::Encoded { bytes, relocs, blocks } = encoded;
    Ok(Machine { code: bytes, alignment: encode::ALIGNMENT, relocs, blocks })
}
