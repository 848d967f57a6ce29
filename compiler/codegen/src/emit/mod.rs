//! From loop IR to Cranelift IR, over any `cranelift_module::Module`.
//!
//! There are two back ends for it, and a target has one ([`machine`]): Cranelift's own, for vectors of 128 bits, and [`crate::wide`], for vectors of 128 to 512 bits on
//! processors with AVX-512. What is emitted for the second (`Settings::wide`) differs where the IR has an operation at 128 bits only, for which there are
//! [`intrinsics`](crate::wide::intrinsics), and in constants, of which memory has one element and all lanes a copy.
//!
//! A kernel becomes a function `fn(table, counter…)` of its own, so that a profile or a disassembly shows it by name, and the
//! entry calls them in order, from loops and branches that are its own (a single kernel is the entry itself; a long program has an
//! entry in parts). Kernels that do the same are one function, which takes pointers to their buffers. A small kernel inside a loop is
//! emitted where it would be called. The iterations of a parallel loop are a function, which the runtime calls on several threads, and
//! kernels inside take the memory of their worker too. One file per concern:
//!
//! * [`entry`]: control flow between kernels. [`parallel`]: parallel loops. [`sharing`]: which kernels do the same. [`machine`]:
//!   machine code of functions. [`fold_loads`]: loads as operands of instructions, for Cranelift.
//! * [`kernel`]: functions, the buffers' pointers, variables. [`scopes`]: what is computed in front of a loop. [`constants`]: the pool of constants. [`nest`]: statements and loops. [`memory`]: addresses, loads and stores.
//!   [`call`]: calls of the runtime's routines. [`product`]: matrix products. [`expr`]: the arms of `Expr`, `Unary`, `Binary`.
//! * [`width`]: what holds a variable. [`integer`]: integer arithmetic that does not trap. [`convert`]: conversions. [`lanes`]: constants, splats, positions,
//!   reductions over lanes.
//! * Elementwise functions of floats are [`crate::math`].
//!
//! How values are held:
//!
//! | element type | scalar | vector |
//! |---|---|---|
//! | `f32`, `f64`, `i32`, `i64` | the same | 4 or 2 lanes, 128 bits; for [`crate::wide`] also twice or four times as many |
//! | `u8` | `i8` | none |
//! | `bool` | `i8`, 0 or 1 | an `i64` for each of 2 lanes, an `i32` for each of more, all ones or zeros; bytes 0 or 1 in memory |

mod call;
mod constants;
mod convert;
mod entry;
mod expr;
mod fold_loads;
mod integer;
mod kernel;
mod lanes;
mod machine;
mod memory;
mod nest;
mod parallel;
mod product;
mod scopes;
mod sharing;
mod width;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cranelift_codegen::ir::{AbiParam, FuncRef, Function, UserFuncName, types};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_module::{FuncId, Linkage, Module};
use pullback_loops::{Index, Kernel, Loop, Program, Step, step};
use pullback_runtime::pool;

use crate::error::Error;
use crate::layout::Layout;
use crate::math::externs::ExternTable;
use constants::Pool;
use entry::{Callee, Callees, Surrounded};
use machine::{Machine, Pending};
pub(crate) use parallel::workers;
use sharing::{Group, Pointer};

/// The most instructions of functions that wait to be compiled: the threads have enough to do, and memory stays bounded.
const MAX_WAITING: usize = 1 << 17;

/// The most steps of one function: the time to compile one grows faster than its size, and several are compiled at once.
const MAX_STEPS: usize = 256;

/// What emission is told.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    /// Whether the target fuses multiply and add.
    pub(crate) fma: bool,
    /// Whether there may be vectors of more than 128 bits: machine code is [`crate::wide`]'s then, and not Cranelift's.
    pub(crate) wide: bool,
    /// Threads for matrix products and for compiling, 0 for all.
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
    /// For a kernel that does the same as one before: the name of that one, the function of which runs both. There was nothing to do then.
    pub same_as: Option<String>,
}

/// What became of a program.
pub(crate) struct Emitted {
    /// The function to call.
    pub(crate) entry: FuncId,
    /// What [`Layout::pool_offset`] has a pointer to.
    pub(crate) constants: Vec<u8>,
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
    program: &'a Program,
    layout: &'a Layout,
    imports: &'a Imports,
    pool: &'a RefCell<Pool>,
    module: &'a mut dyn Module,
    /// The function under construction.
    function: Function,
    builder_context: FunctionBuilderContext,
    settings: Settings,
    /// Functions that are to be compiled, in order, and the number of their instructions.
    waiting: (Vec<Pending>, usize),
    emitted: Emitted,
}

/// Emits and compiles all kernels of a program.
pub(crate) fn emit_program(
    program: &Program,
    layout: &Layout,
    settings: Settings,
    module: &mut dyn Module,
) -> Result<Emitted, Error> {
    let (imports, pool) = (Imports::declare(module)?, RefCell::new(Pool::default()));
    let emitted = Emitted {
        entry: FuncId::from_u32(0),
        constants: Vec::new(),
        timings: Vec::new(),
        clif: String::new(),
        asm: String::new(),
    };
    let mut session = Session {
        program,
        layout,
        imports: &imports,
        pool: &pool,
        module,
        function: Function::new(),
        builder_context: FunctionBuilderContext::new(),
        settings,
        waiting: (Vec::new(), 0),
        emitted,
    };
    let functions = entry::Functions::of(program);
    let groups = sharing::groups(program, &functions.kernels);
    let mut done = Functions::default();
    for group in &groups {
        let id = session.kernels(&functions.kernels, group)?;
        for (number, pointers) in &group.members {
            let pointers = (group.members.len() > 1).then(|| Arc::clone(pointers));
            done.kernels.insert(Arc::clone(&functions.kernels[*number].inner.name), Runner { id, pointers });
        }
    }
    for (number, parallel) in functions.loops.iter().enumerate() {
        let id = session.body(number, parallel, &done)?;
        done.loops.insert(parallel.inner.index, id);
    }
    session.emitted.entry = match (&program.body[..], &functions.kernels[..]) {
        ([Step::Kernel(_)], [only]) => done.kernels[&only.inner.name].id,
        (steps, _) if steps.len() <= MAX_STEPS => session.steps(None, steps, &done)?,
        (steps, _) => {
            let parts = steps.chunks(MAX_STEPS).enumerate();
            let parts = parts.map(|(part, steps)| session.steps(Some(part), steps, &done));
            let parts = parts.collect::<Result<Vec<FuncId>, Error>>()?;
            session.entry_of_parts(&parts)?
        }
    };
    session.compile()?;
    let mut emitted = session.emitted;
    emitted.timings = by_kernel(emitted.timings, &groups, &functions.kernels);
    emitted.constants = pool.into_inner().into_bytes();
    Ok(emitted)
}

/// One row per kernel, in order, of rows for the functions, which are those of the groups and then others.
fn by_kernel(functions: Vec<KernelTiming>, groups: &[Group], kernels: &[Surrounded<'_, Kernel>]) -> Vec<KernelTiming> {
    let mut rows: Vec<(usize, KernelTiming)> = Vec::with_capacity(kernels.len());
    let mut functions = functions.into_iter();
    for (group, row) in groups.iter().zip(&mut functions) {
        let (name, code_bytes) = (row.name.clone(), row.code_bytes);
        for &(number, _) in &group.members[1..] {
            let (same_as, none) = (Some(name.clone()), Duration::ZERO);
            let name = kernels[number].inner.name.to_string();
            rows.push((number, KernelTiming { name, emit: none, compile: none, code_bytes, same_as }));
        }
        rows.extend(group.members.first().map(|&(number, _)| (number, row)));
    }
    rows.sort_by_key(|&(number, _)| number);
    rows.into_iter().map(|(_, row)| row).chain(functions).collect()
}

/// A function that runs a kernel.
struct Runner {
    id: FuncId,
    /// What it is called with for this kernel, if it runs several.
    pointers: Option<Arc<[Pointer]>>,
}

/// The functions that there are.
#[derive(Default)]
struct Functions {
    /// By name.
    kernels: BTreeMap<Arc<str>, Runner>,
    /// The bodies of parallel loops, by counter.
    loops: BTreeMap<Index, FuncId>,
}

impl Functions {
    /// References to those kernels of some steps that are functions.
    fn kernels_of(&self, steps: &[Step], module: &mut dyn Module, func: &mut Function) -> BTreeMap<Arc<str>, Callee> {
        let mut references: BTreeMap<FuncId, FuncRef> = BTreeMap::new();
        let found = step::kernels(steps).into_iter().filter_map(|kernel| self.kernels.get_key_value(&kernel.name));
        let callee = |(name, runner): (&Arc<str>, &Runner)| {
            let function = *references.entry(runner.id).or_insert_with(|| declare_far(module, runner.id, func));
            (Arc::clone(name), Callee { function, pointers: runner.pointers.clone() })
        };
        found.map(callee).collect()
    }

    /// Visits those loops of some steps that are functions.
    fn loops_of(&self, steps: &[Step], visit: &mut impl FnMut(Index, FuncId)) {
        for step in steps {
            if let Step::Loop(inner) = step
                && let Some(&id) = self.loops.get(&inner.index)
            {
                visit(inner.index, id);
            }
            step.nested().for_each(|steps| self.loops_of(steps, visit));
        }
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
        self.function = Function::with_name_signature(UserFuncName::user(0, id.as_u32()), signature);
        Ok(id)
    }

    /// The function that runs the kernels of a group, under the name of the first.
    fn kernels(&mut self, kernels: &[Surrounded<'_, Kernel>], group: &Group) -> Result<FuncId, Error> {
        let start = Instant::now();
        let &mut Self { program, layout, imports, pool, settings, .. } = self;
        let Some(((first, pointers), others)) = group.members.split_first() else {
            return Err(Error::bug("kernels", "a group of none"));
        };
        let &Surrounded { inner: kernel, ref around, in_parallel } = &kernels[*first];
        let pointers = (!others.is_empty()).then_some((&**pointers, &*group.readonly));
        let params = around.len() + pointers.map_or(0, |(pointers, _)| pointers.len());
        let id = self.begin(&format!("@{}/{}", program.name, kernel.name), in_parallel, params)?;
        let config = self.module.target_config();
        let builder = FunctionBuilder::new(&mut self.function, &mut self.builder_context);
        let name = &*kernel.name;
        // The threads are busy with other iterations.
        let threads = if in_parallel { 1 } else { settings.threads };
        let settings = Settings { threads, ..settings };
        let environment = kernel::Environment { program, name, layout, imports, pool, settings, in_parallel };
        kernel::emit(&environment, kernel, around, pointers, builder, config)?;
        let mut about = kernel.about.clone();
        if !others.is_empty() {
            let names: Vec<&str> = others.iter().map(|&(number, _)| &*kernels[number].inner.name).collect();
            let _ = write!(about, "\nruns {} too", names.join(", "));
        }
        self.finish(id, &kernel.name, about, start)?;
        Ok(id)
    }

    /// The function that runs iterations of a parallel loop, which is the one of this number among them.
    fn body(&mut self, number: usize, parallel: &Surrounded<'_, Loop>, functions: &Functions) -> Result<FuncId, Error> {
        let start = Instant::now();
        let &mut Self { program, layout, imports, pool, settings, .. } = self;
        let &Surrounded { inner, ref around, .. } = parallel;
        // No name of a kernel has a colon.
        let name = &*format!("parallel:{number}");
        let id = self.begin(&format!("@{}/{name}", program.name), true, parallel::BODY_PARAMS)?;
        let kernels = functions.kernels_of(&inner.body, self.module, &mut self.function);
        let callees = Callees { kernels, ..Callees::default() };
        let config = self.module.target_config();
        let builder = FunctionBuilder::new(&mut self.function, &mut self.builder_context);
        let environment = kernel::Environment { program, name, layout, imports, pool, settings, in_parallel: true };
        parallel::emit(&environment, &callees, inner, around, builder, config)?;
        let kernels: Vec<&str> = step::kernels(&inner.body).into_iter().map(|kernel| &*kernel.name).collect();
        self.finish(id, name, format!("iterations that run {}", kernels.join(", ")), start)?;
        Ok(id)
    }

    /// The function that runs the steps of a program, or those of a part, which is the one of this number.
    fn steps(&mut self, part: Option<usize>, steps: &[Step], functions: &Functions) -> Result<FuncId, Error> {
        let start = Instant::now();
        let &mut Self { program, layout, imports, pool, settings, .. } = self;
        // No name of a kernel has a colon.
        let (symbol, name) = match part {
            None => (format!("@{}", program.name), program.name.to_string()),
            Some(part) => (format!("@{}/steps:{part}", program.name), format!("steps:{part}")),
        };
        let id = self.begin(&symbol, false, 0)?;
        let (module, func) = (&mut *self.module, &mut self.function);
        let kernels = functions.kernels_of(steps, module, func);
        let mut loops = BTreeMap::new();
        functions.loops_of(steps, &mut |index, id| {
            loops.insert(index, declare_far(module, id, func));
        });
        let parallel = (!loops.is_empty()).then(|| declare_far(module, imports.parallel, func));
        let callees = Callees { kernels, loops, parallel };
        let config = self.module.target_config();
        let builder = FunctionBuilder::new(&mut self.function, &mut self.builder_context);
        let environment =
            kernel::Environment { program, name: &name, layout, imports, pool, settings, in_parallel: false };
        entry::emit(&environment, &callees, steps, builder, config)?;
        self.finish(id, &name, "runs the kernels".to_owned(), start)?;
        Ok(id)
    }

    /// The function that calls those of all parts.
    fn entry_of_parts(&mut self, parts: &[FuncId]) -> Result<FuncId, Error> {
        let start = Instant::now();
        let &mut Self { program, layout, imports, pool, settings, .. } = self;
        let id = self.begin(&format!("@{}", program.name), false, 0)?;
        let parts = parts.iter().map(|&part| declare_far(self.module, part, &mut self.function));
        let parts: Vec<FuncRef> = parts.collect();
        let config = self.module.target_config();
        let builder = FunctionBuilder::new(&mut self.function, &mut self.builder_context);
        let name = &*program.name;
        let environment = kernel::Environment { program, name, layout, imports, pool, settings, in_parallel: false };
        entry::emit_parts(&environment, &parts, builder, config)?;
        self.finish(id, &program.name, "runs the parts in order".to_owned(), start)?;
        Ok(id)
    }

    /// Ends the function under construction, which waits to be compiled then.
    fn finish(&mut self, id: FuncId, name: &str, about: String, start: Instant) -> Result<(), Error> {
        let function = std::mem::replace(&mut self.function, Function::new());
        if self.settings.clif {
            header(&mut self.emitted.clif, name, &about);
            let _ = writeln!(self.emitted.clif, "{}", function.display());
        }
        let (waiting, instructions) = &mut self.waiting;
        *instructions += function.dfg.num_insts();
        waiting.push(Pending { id, name: name.to_owned(), about, function, emit: start.elapsed() });
        if *instructions > MAX_WAITING { self.compile() } else { Ok(()) }
    }

    /// Compiles the functions that wait, and keeps what is to be kept of them.
    fn compile(&mut self) -> Result<(), Error> {
        let (waiting, _) = std::mem::take(&mut self.waiting);
        let Settings { threads, wide, asm, .. } = self.settings;
        let how = machine::How { isa: self.module.isa(), wide, asm };
        for (pending, machine) in machine::compile(how, waiting, threads) {
            let Pending { id, name, about, emit, .. } = pending;
            let Machine { code, alignment, relocs, asm, compile } = machine?;
            let defined = self.module.define_function_bytes(id, alignment, &code, &relocs);
            defined.map_err(|error| Error::from_module(&name, &error))?;
            if let Some(text) = asm {
                header(&mut self.emitted.asm, &name, &about);
                self.emitted.asm.push_str(&text);
                self.emitted.asm.push('\n');
            }
            self.emitted.timings.push(KernelTiming { name, emit, compile, code_bytes: code.len(), same_as: None });
        }
        Ok(())
    }
}

fn header(text: &mut String, name: &str, about: &str) {
    let _ = writeln!(text, "; {name}");
    for line in about.lines() {
        let _ = writeln!(text, ";   {line}");
    }
}
