//! Machine code in memory, made callable. The only file of this crate with `unsafe` code.
//!
//! Memory is written first, then made executable and read-only (W^X, by `cranelift-jit`); it is unmapped when the last clone of
//! the executable is dropped.

use std::sync::Mutex;

use cranelift_codegen::ir::LibCall;
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::FuncId;
use pullback_runtime::{EntryFn, Executable, Parts, Signature, gemm, kernels, pool};

use crate::error::Error;
use crate::isa::Target;
use crate::layout::Layout;
use crate::math::ExternFn;

/// A module in this process's memory; dropping it frees the memory.
pub(crate) struct Jit {
    /// Taken only on dropping. The mutex, never locked, lends the module out of reach and so makes it `Sync`.
    module: Option<Mutex<JITModule>>,
}

impl Jit {
    /// An empty module for the target.
    pub(crate) fn new(target: &Target) -> Self {
        let mut builder = JITBuilder::with_isa(target.isa.clone(), Box::new(library_call_name));
        builder.symbols(gemm::symbols());
        builder.symbols(kernels::symbols());
        builder.symbols(pool::symbols());
        builder.symbols(ExternFn::ALL.iter().map(|function| (function.name(), function.address())));
        Self { module: Some(Mutex::new(JITModule::new(builder))) }
    }

    /// The module, to put functions in.
    pub(crate) fn module(&mut self) -> Result<&mut JITModule, Error> {
        let module = self.module.as_mut().and_then(|module| module.get_mut().ok());
        module.ok_or_else(|| Error::bug("machine code", "the module is gone"))
    }

    /// Makes the functions executable, and `entry` callable, with a pool of constants.
    pub(crate) fn finish(
        mut self,
        (entry, pool): (FuncId, &[u8]),
        signature: Signature,
        layout: &Layout,
    ) -> Result<Executable, Error> {
        let (constants, arena_bytes) = (layout.constants(pool)?, layout.arena_bytes());
        let module = self.module()?;
        module.finalize_definitions().map_err(|error| Error::from_module("the program", &error))?;
        let address = module.get_finalized_function(entry);
        // SAFETY: the address is that of a function emitted with the signature `fn(pointer)` in the C calling convention of the host,
        // which is `EntryFn`.
        let entry = unsafe { std::mem::transmute::<*const u8, EntryFn>(address) };
        // SAFETY: the code lives as long as `self`, which the executable keeps. `Layout::new` checked that every buffer of the program
        // has the element type and size that signature, constants and arena give it; the loop IR's verifier that every access is
        // inside its buffer, that inputs and constants are not stored to, and that no iteration of a parallel loop touches what another stores; the arena has
        // memory of its own for each worker that emission lets a parallel loop have; emission keeps all this, makes bytes
        // 0 or 1 of `bool`s where they are computed and where they are loaded from memory that is not known to hold them, and no generated
        // instruction traps or unwinds.
        Ok(unsafe { Executable::from_parts(Parts { signature, entry, code: Box::new(self), constants, arena_bytes }) })
    }
}

impl Drop for Jit {
    fn drop(&mut self) {
        if let Some(module) = self.module.take() {
            let module = module.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
            // SAFETY: pointers into this memory are held by the executable alone, which owns this value and drops it last.
            unsafe { module.free_memory() };
        }
    }
}

/// Emission refuses functions that call Cranelift's own library; a name that does not exist makes sure that no symbol of the
/// process is taken for one.
fn library_call_name(call: LibCall) -> String {
    format!("pullback has no library function {call}")
}
