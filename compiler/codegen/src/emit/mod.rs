//! From loop IR to Cranelift IR, over any `cranelift_module::Module`.
//!
//! A kernel becomes a function `fn(table, counter…)` of its own, so that a profile or a disassembly shows it by name, and the
//! entry calls them in order, from loops and branches that are its own (a single kernel is the entry itself). A small kernel
//! inside a loop is emitted where it would be called. The iterations of a parallel loop are a function, which the runtime calls on several threads, and
//! kernels inside take the memory of their worker too. One file per concern:
//!
//! * [`entry`]: control flow between kernels. [`parallel`]: parallel loops. [`kernel`]: functions, the buffers' pointers, variables. [`nest`]: statements and loops.
//! * [`call`]: calls of the runtime's routines. [`product`]: matrix products. [`memory`]: addresses, loads and stores. [`expr`]: the arms of `Expr`, `Unary`, `Binary`.
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

mod call;
mod convert;
mod entry;
mod expr;
mod integer;
mod kernel;
mod lanes;
mod memory;
mod nest;
mod parallel;
mod product;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cranelift_codegen::ir::{AbiParam, ExternalName, FuncRef, Function, UserFuncName, types};
use cranelift_codegen::{CompiledCode, Context, FinalizedRelocTarget};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{FuncId, Linkage, Module};
use pullback_loops::{Index, Kernel, Loop, Program, Step, step};
use pullback_runtime::pool;

use crate::error::Error;
use crate::layout::Layout;
use crate::math::externs::ExternTable;
use entry::{Callees, Surrounded};
pub(crate) use parallel::workers;

/// What emission is told.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// Whether the target fuses multiply and add.
    pub(crate) fma: bool,
    /// Threads for matrix products, 0 for all.
    pub(crate) threads: usize,
    /// The most workers of a parallel loop, as [`workers`] says.
    pub(crate) workers: usize,
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
    routines: call::Routines,
    products: call::Routines,
    parallel: FuncId,
}

impl Imports {
    fn declare(module: &mut dyn Module) -> Result<Self, Error> {
        let failed = |error| Error::from_module("imports", &error);
        let math = ExternTable::declare(module).map_err(failed)?;
        let routines = call::Routines::declare(module, &call::SYMBOLS).map_err(failed)?;
        let products = call::Routines::declare(module, &product::SYMBOLS).map_err(failed)?;
        let mut signature = module.make_signature();
        signature.params = vec![AbiParam::new(types::I64); parallel::PARALLEL_PARAMS];
        let parallel = module.declare_function(pool::PARALLEL, Linkage::Import, &signature).map_err(failed)?;
        Ok(Self { math, routines, products, parallel })
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
    let functions = entry::Functions::of(program);
    let mut done = Functions::default();
    for kernel in &functions.kernels {
        let id = session.kernel(program, kernel, layout, &imports)?;
        done.kernels.insert(Arc::clone(&kernel.inner.name), id);
    }
    for (number, parallel) in functions.loops.iter().enumerate() {
        let id = session.body(program, (number, parallel), &done, layout, &imports)?;
        done.loops.insert(parallel.inner.index, id);
    }
    session.emitted.entry = match (&program.body[..], &functions.kernels[..]) {
        ([Step::Kernel(_)], [only]) => done.kernels[&only.inner.name],
        (_, _) => session.entry(program, &done, layout, &imports)?,
    };
    Ok(session.emitted)
}

/// The functions that there are.
#[derive(Default)]
struct Functions {
    /// By name.
    kernels: BTreeMap<Arc<str>, FuncId>,
    /// The bodies of parallel loops, by counter.
    loops: BTreeMap<Index, FuncId>,
}

impl Functions {
    /// References to those kernels of some steps that are functions.
    fn kernels_of(&self, steps: &[Step], module: &mut dyn Module, func: &mut Function) -> BTreeMap<Arc<str>, FuncRef> {
        let found = step::kernels(steps).into_iter().filter_map(|kernel| self.kernels.get_key_value(&kernel.name));
        found.map(|(name, &id)| (Arc::clone(name), declare_far(module, id, func))).collect()
    }
}

/// Calls a function that may be anywhere in the address space.
fn declare_far(module: &mut dyn Module, callee: FuncId, func: &mut Function) -> FuncRef {
    let reference = module.declare_func_in_func(callee, func);
    func.dfg.ext_funcs[reference].colocated = false;
    reference
}

impl Session<'_> {
    /// Declares a function `fn(table, …)`, in a parallel loop `fn(table, local, …)`, with so many other parameters, and begins it.
    fn begin(&mut self, symbol: &str, in_parallel: bool, others: usize) -> Result<FuncId, Error> {
        let mut signature = self.module.make_signature();
        signature.params = vec![AbiParam::new(types::I64); 1 + usize::from(in_parallel) + others];
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
        kernel: &Surrounded<'_, Kernel>,
        layout: &Layout,
        imports: &Imports,
    ) -> Result<FuncId, Error> {
        let start = Instant::now();
        let &Surrounded { inner: kernel, ref around, in_parallel } = kernel;
        let id = self.begin(&format!("@{}/{}", program.name, kernel.name), in_parallel, around.len())?;
        let config = self.module.target_config();
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder_context);
        let name = &*kernel.name;
        // The threads are busy with other iterations.
        let threads = if in_parallel { 1 } else { self.settings.threads };
        let settings = Settings { threads, ..self.settings };
        let environment = kernel::Environment { program, name, layout, imports, settings, in_parallel };
        kernel::emit(&environment, kernel, around, builder, config)?;
        self.finish(id, &kernel.name, &kernel.about, start)?;
        Ok(id)
    }

    /// The function that runs iterations of a parallel loop, which is the one of this number.
    fn body(
        &mut self,
        program: &Program,
        (number, parallel): (usize, &Surrounded<'_, Loop>),
        functions: &Functions,
        layout: &Layout,
        imports: &Imports,
    ) -> Result<FuncId, Error> {
        let start = Instant::now();
        let &Surrounded { inner, ref around, .. } = parallel;
        // No name of a kernel has a colon.
        let name = &*format!("parallel:{number}");
        let id = self.begin(&format!("@{}/{name}", program.name), true, parallel::BODY_PARAMS)?;
        let kernels = functions.kernels_of(&inner.body, self.module, &mut self.context.func);
        let callees = Callees { kernels, ..Callees::default() };
        let config = self.module.target_config();
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder_context);
        let settings = self.settings;
        let environment = kernel::Environment { program, name, layout, imports, settings, in_parallel: true };
        parallel::emit(&environment, &callees, inner, around, builder, config)?;
        let kernels: Vec<&str> = step::kernels(&inner.body).into_iter().map(|kernel| &*kernel.name).collect();
        self.finish(id, name, &format!("iterations that run {}", kernels.join(", ")), start)?;
        Ok(id)
    }

    /// The function that runs the steps.
    fn entry(
        &mut self,
        program: &Program,
        functions: &Functions,
        layout: &Layout,
        imports: &Imports,
    ) -> Result<FuncId, Error> {
        let start = Instant::now();
        let id = self.begin(&format!("@{}", program.name), false, 0)?;
        let (module, func) = (&mut *self.module, &mut self.context.func);
        let kernels = functions.kernels_of(&program.body, module, func);
        let loops = functions.loops.iter().map(|(&index, &id)| (index, declare_far(module, id, func))).collect();
        let parallel = (!functions.loops.is_empty()).then(|| declare_far(module, imports.parallel, func));
        let callees = Callees { kernels, loops, parallel };
        let config = self.module.target_config();
        let builder = FunctionBuilder::new(&mut self.context.func, &mut self.builder_context);
        let (name, settings) = (&*program.name, self.settings);
        let environment = kernel::Environment { program, name, layout, imports, settings, in_parallel: false };
        entry::emit(&environment, &callees, builder, config)?;
        self.finish(id, &program.name, "runs the kernels", start)?;
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
