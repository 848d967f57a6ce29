//! From loop IR to Cranelift IR, over any `cranelift_module::Module`.
//!
//! Every kernel becomes a function `fn(table)` of its own, so that a profile or a disassembly shows it by name, and the
//! entry calls them in order (a single kernel is the entry itself). Within a kernel, one file per concern:
//!
//! * [`kernel`]: the function, its buffers' pointers, variables. [`nest`]: statements and loops.
//! * [`memory`]: addresses, loads and stores. [`expr`]: the arms of `Expr`, `Unary`, `Binary`.
//! * [`integer`]: integer arithmetic that does not trap. [`convert`]: conversions. [`lanes`]: constants, splats, positions,
//!   reductions over lanes.
//! * Elementwise functions of floats are [`crate::math`].
//!
//! How values are held:
//!
//! | element type | scalar | vector |
//! |---|---|---|
//! | `f32`, `f64`, `i32`, `i64` | the same | 4 or 2 lanes, 128 bits |
//! | `u8` | `i8` | none |
//! | `bool` | `i8`, 0 or 1 | an `i32` or `i64` for each of 4 or 2 lanes, all ones or zeros; bytes 0 or 1 in memory |

mod convert;
mod expr;
mod integer;
mod kernel;
mod lanes;
mod memory;
mod nest;

use std::fmt::Write;
use std::time::{Duration, Instant};

use cranelift_codegen::ir::{
    AbiParam, ExternalName, FuncRef, Function, InstBuilder, Signature as ClifSignature, UserFuncName, types,
};
use cranelift_codegen::{CompiledCode, Context, FinalizedRelocTarget};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{FuncId, Linkage, Module};
use pullback_ir::DType;
use pullback_loops::{Kernel, Program};
use pullback_runtime::gemm;

use crate::error::Error;
use crate::layout::Layout;
use crate::math::externs::ExternTable;

/// What emission is told.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// Whether the target fuses multiply and add.
    pub(crate) fma: bool,
    /// Threads for matrix products, 0 for all.
    pub(crate) threads: usize,
    /// Whether to keep the Cranelift IR as text.
    pub(crate) clif: bool,
    /// Whether to keep the disassembly.
    pub(crate) asm: bool,
}

/// How long one function took.
#[derive(Clone, Debug)]
pub struct KernelTiming {
    /// The kernel's name, or that of the program for the function that calls the kernels.
    pub name: String,
    /// Making the Cranelift IR.
    pub emit: Duration,
    /// Making machine code of it.
    pub compile: Duration,
    /// The size of the machine code.
    pub code_bytes: usize,
}

/// What became of a program.
pub(crate) struct Emitted {
    /// The function to call.
    pub(crate) entry: FuncId,
    pub(crate) timings: Vec<KernelTiming>,
    /// The Cranelift IR of all functions, if asked for.
    pub(crate) clif: String,
    /// The disassembly of all functions, if asked for.
    pub(crate) asm: String,
}

/// The functions that generated code calls.
pub(crate) struct Imports {
    pub(crate) math: ExternTable,
    gemm_f32: FuncId,
    gemm_f64: FuncId,
}

impl Imports {
    fn declare(module: &mut dyn Module) -> Result<Self, Error> {
        let failed = |error| Error::from_module("imports", &error);
        let mut signature = module.make_signature();
        signature.params = vec![AbiParam::new(types::I64); 14];
        let math = ExternTable::declare(module).map_err(failed)?;
        let mut import = |name| module.declare_function(name, Linkage::Import, &signature).map_err(failed);
        Ok(Self { math, gemm_f32: import(gemm::GEMM_F32)?, gemm_f64: import(gemm::GEMM_F64)? })
    }

    /// The matrix-product kernel for an element type that has one.
    fn gemm(&self, dtype: DType) -> Option<FuncId> {
        match dtype {
            DType::F32 => Some(self.gemm_f32),
            DType::F64 => Some(self.gemm_f64),
            DType::I32 | DType::I64 | DType::U8 | DType::Bool => None,
        }
    }
}

/// Everything around the function under construction.
struct Session<'a> {
    module: &'a mut dyn Module,
    context: Context,
    builder_context: FunctionBuilderContext,
    settings: Settings,
    emitted: Emitted,
}

/// Emits and compiles all kernels of a program.
pub(crate) fn emit_program(
    program: &Program,
    layout: &Layout,
    settings: Settings,
    module: &mut dyn Module,
) -> Result<Emitted, Error> {
    let imports = Imports::declare(module)?;
    let context = module.make_context();
    let emitted = Emitted { entry: FuncId::from_u32(0), timings: Vec::new(), clif: String::new(), asm: String::new() };
    let builder_context = FunctionBuilderContext::new();
    let mut session = Session { module, context, builder_context, settings, emitted };
    let mut kernels = Vec::with_capacity(program.kernels.len());
    for kernel in &program.kernels {
        kernels.push(session.kernel(program, kernel, layout, &imports)?);
    }
    session.emitted.entry = match kernels.as_slice() {
        &[only] => only,
        kernels => session.entry(program, kernels)?,
    };
    Ok(session.emitted)
}

/// Calls a function that may be anywhere in the address space.
fn declare_far(module: &mut dyn Module, callee: FuncId, func: &mut Function) -> FuncRef {
    let reference = module.declare_func_in_func(callee, func);
    func.dfg.ext_funcs[reference].colocated = false;
    reference
}

impl Session<'_> {
    fn signature(&self) -> ClifSignature {
        let mut signature = self.module.make_signature();
        signature.params.push(AbiParam::new(types::I64));
        signature
    }

    /// Declares a function `fn(table)` and begins it.
    fn begin(&mut self, symbol: &str) -> Result<FuncId, Error> {
        let signature = self.signature();
        let id = self
            .module
            .declare_function(symbol, Linkage::Local, &signature)
            .map_err(|error| Error::from_module(symbol, &error))?;
        self.context.func = Function::with_name_signature(UserFuncName::user(0, id.as_u32()), signature);
        Ok(id)
    }

    fn kernel(
        &mut self,
        program: &Program,
        kernel: &Kernel,
        layout: &Layout,
        imports: &Imports,
    ) -> Result<FuncId, Error> {
        let start = Instant::now();
        let id = self.begin(&format!("@{}/{}", program.name, kernel.name))?;
        let gemm = [DType::F32, DType::F64].map(|dtype| {
            let callee = imports.gemm(dtype).filter(|_| kernel::calls_gemm(&kernel.body, dtype))?;
            Some(declare_far(self.module, callee, &mut self.context.func))
        });
        let config = self.module.target_config();
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder_context);
        let environment = kernel::Environment { program, kernel, layout, imports, gemm, settings: self.settings };
        kernel::emit(&environment, builder, config)?;
        self.finish(id, &kernel.name, &kernel.about, start)?;
        Ok(id)
    }

    /// The function that calls the kernels in order.
    fn entry(&mut self, program: &Program, kernels: &[FuncId]) -> Result<FuncId, Error> {
        let start = Instant::now();
        let id = self.begin(&format!("@{}", program.name))?;
        let callees: Vec<FuncRef> =
            kernels.iter().map(|&kernel| declare_far(self.module, kernel, &mut self.context.func)).collect();
        let config = self.module.target_config();
        let mut builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder_context);
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        builder.seal_block(block);
        let table = builder.block_params(block)[0];
        for callee in callees {
            builder.ins().call(callee, &[table]);
        }
        builder.ins().return_(&[]);
        builder.finalize(config);
        self.finish(id, &program.name, "calls the kernels in order", start)?;
        Ok(id)
    }

    /// Compiles the function under construction, and keeps what is to be kept of it.
    fn finish(&mut self, id: FuncId, name: &str, about: &str, start: Instant) -> Result<(), Error> {
        if self.settings.clif {
            header(&mut self.emitted.clif, name, about);
            let _ = writeln!(self.emitted.clif, "{}", self.context.func.display());
        }
        let emit = start.elapsed();
        let start = Instant::now();
        let defined = self.module.define_function(id, &mut self.context);
        defined.map_err(|error| Error::from_module(name, &error))?;
        let compile = start.elapsed();
        let code = self.context.compiled_code().ok_or_else(|| Error::bug(name, "there is no machine code"))?;
        refuse_library_calls(name, code)?;
        let code_bytes = code.code_buffer().len();
        if self.settings.asm {
            let failed = |error: &dyn std::fmt::Display| Error::bug(name, format!("disassembly: {error}"));
            let capstone = self.module.isa().to_capstone().map_err(|error| failed(&error))?;
            let text = code.disassemble(Some(&self.context.func.params), &capstone).map_err(|error| failed(&error))?;
            header(&mut self.emitted.asm, name, about);
            self.emitted.asm.push_str(&text);
            self.emitted.asm.push('\n');
        }
        self.emitted.timings.push(KernelTiming { name: name.to_owned(), emit, compile, code_bytes });
        self.module.clear_context(&mut self.context);
        Ok(())
    }
}

/// Everything emitted is an instruction of every supported target. A call of Cranelift's own library, which it makes where an
/// instruction is missing, would be slow and is not linked.
fn refuse_library_calls(name: &str, code: &CompiledCode) -> Result<(), Error> {
    for reloc in code.buffer.relocs() {
        if let FinalizedRelocTarget::ExternalName(ExternalName::LibCall(call)) = &reloc.target {
            return Err(Error::bug(format!("function `{name}`"), format!("it needs the library function {call}")));
        }
    }
    Ok(())
}

fn header(text: &mut String, name: &str, about: &str) {
    let _ = writeln!(text, "; {name}");
    for line in about.lines() {
        let _ = writeln!(text, ";   {line}");
    }
}
