//! From a function to machine code, stage by stage.
//!
//! Each stage is a function of the one before, so that a dump of a stage is made by exactly what compiles.

use std::fmt;
use std::time::{Duration, Instant};

use pullback_ir::{FuncId, Function, Module, Verified, verify};
use pullback_loops::{Donation, Program};
use pullback_optimize::fuse::{FuseOptions, Fusion, Plan, fuse, plan_to_string};
use pullback_optimize::passes::MERGE_PRODUCTS;
use pullback_optimize::{Limit, Pass, PipelineOptions, run_pipeline};
use pullback_runtime::{Executable, Parameter, Signature};

use crate::budget::keep_to_budget;
use crate::donate::donations;
use crate::error::Error;
use crate::memory_report::MemoryReport;
use crate::options::{Differentiate, Options, PassLimit};
use crate::stage::Stage;

/// How long a part of a compilation took.
#[derive(Clone, Debug)]
pub struct Timing {
    /// The stage.
    pub stage: &'static str,
    /// The pass or kernel within the stage; empty for the stage as a whole.
    pub part: String,
    /// The time.
    pub time: Duration,
    /// Instructions before and after, for passes.
    pub instructions: Option<(usize, usize)>,
    /// For a kernel that does the same as one before it: the name of that one, whose machine code runs both, so that there was nothing to generate.
    pub same_as: Option<String>,
}

impl Timing {
    fn new(stage: &'static str, part: impl Into<String>, time: Duration) -> Self {
        Self { stage, part: part.into(), time, instructions: None, same_as: None }
    }
}

/// What a compilation did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// In order of execution; parts before the stage they belong to.
    pub timings: Vec<Timing>,
    /// Kernels of the program.
    pub kernels: usize,
    /// Bytes of the arena, with what the workers of parallel loops have of their own: [`Executable::arena_bytes`].
    pub arena_bytes: usize,
}

impl Report {
    fn stage<T>(&mut self, stage: &'static str, run: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        let start = Instant::now();
        let result = run(self)?;
        self.timings.push(Timing::new(stage, "", start.elapsed()));
        Ok(result)
    }

    /// The time of all stages together.
    #[must_use]
    pub fn total(&self) -> Duration {
        self.timings.iter().filter(|timing| timing.part.is_empty()).map(|timing| timing.time).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for timing in &self.timings {
            let name = if timing.part.is_empty() { timing.stage.into() } else { format!("  {}", timing.part) };
            write!(f, "{name:<44} {:>10.3} ms", timing.time.as_secs_f64() * 1e3)?;
            match (timing.instructions, &timing.same_as) {
                (Some((before, after)), _) => writeln!(f, "  {before} -> {after} instructions")?,
                (None, Some(other)) => writeln!(f, "  the same as {other}")?,
                (None, None) => writeln!(f)?,
            }
        }
        writeln!(f, "{:<44} {:>10.3} ms", "total", self.total().as_secs_f64() * 1e3)?;
        write!(f, "{} kernels, an arena of {} bytes", self.kernels, self.arena_bytes)
    }
}

/// Compiles a function, or the derivative of it that the options ask for, to native code.
///
/// # Errors
/// [`Error::User`] for a function, parameter or pass that does not exist or cannot be differentiated; [`Error::Limit`] if the program is too large;
/// [`Error::Bug`] for mistakes of the compiler.
pub fn compile(module: &Verified<Module>, func: FuncId, options: &Options) -> Result<Executable, Error> {
    compile_with_report(module, func, options).map(|(executable, _)| executable)
}

/// As [`compile`], and what it did and how long each part took.
///
/// # Errors
/// As [`compile`].
pub fn compile_with_report(
    module: &Verified<Module>,
    func: FuncId,
    options: &Options,
) -> Result<(Executable, Report), Error> {
    let mut report = Report::default();
    let (module, func) = report.stage("differentiate", |_| differentiate(module, func, options))?;
    let optimized = report.stage("optimize", |report| optimize(&module, func, options, report))?;
    let (function, plan) = fused((&module, &optimized), func, options, &mut report)?;
    let program = report.stage("lower", |_| lower(&function, &plan, options))?;
    let compiled = report.stage("generate", |report| {
        let compiled = generate(&function, &program, options, false)?;
        report.timings.extend(compiled.timings.kernels.iter().map(|kernel| Timing {
            same_as: kernel.same_as.clone(),
            ..Timing::new("generate", &*kernel.name, kernel.emit + kernel.compile)
        }));
        Ok(compiled)
    })?;
    report.kernels = program.kernels().len();
    report.arena_bytes = compiled.executable.arena_bytes();
    Ok((compiled.executable, report))
}

/// The loop IR that code is generated of, for a function or the derivative of it that the options ask for.
///
/// # Errors
/// As [`compile`].
pub fn loop_program(
    module: &Verified<Module>,
    func: FuncId,
    options: &Options,
) -> Result<pullback_loops::Verified<Program>, Error> {
    let (module, func) = differentiate(module, func, options)?;
    let optimized = optimize(&module, func, options, &mut Report::default())?;
    let (function, plan) = fused((&module, &optimized), func, options, &mut Report::default())?;
    lower(&function, &plan, options)
}

/// A stage of the compilation of a function as text. What has a parser reads back in.
///
/// # Errors
/// As [`compile`].
pub fn dump(module: &Verified<Module>, func: FuncId, options: &Options, stage: Stage) -> Result<String, Error> {
    check_function(module, func)?;
    if stage == Stage::Tensor {
        return Ok(print(module, module.function(func)));
    }
    let (module, func) = differentiate(module, func, options)?;
    if stage == Stage::Adjoint {
        return Ok(print(&module, module.function(func)));
    }
    let optimized = optimize(&module, func, options, &mut Report::default())?;
    if stage == Stage::Optimized {
        return Ok(print(&optimized, optimized.function(func)));
    }
    let (function, plan) = fused((&module, &optimized), func, options, &mut Report::default())?;
    if stage == Stage::Fused {
        return plan_to_string(&optimized, &function, &plan).map_err(|error| Error::Bug(format!("fusion: {error}")));
    }
    let program = lower(&function, &plan, options)?;
    if stage == Stage::Loops {
        return Ok(program.to_string());
    }
    if stage == Stage::Memory {
        return Ok(
            MemoryReport { budget: options.memory_budget, ..MemoryReport::new(&program, options.threads) }.to_string()
        );
    }
    let compiled = generate(&function, &program, options, true)?;
    let text = if stage == Stage::Clif { compiled.clif } else { compiled.asm };
    text.ok_or_else(|| Error::Bug(format!("no text of stage {stage}")))
}

fn print(module: &Verified<Module>, function: &Function) -> String {
    pullback_ir::print::function_to_string(module, function, pullback_ir::print::PrintOptions::default())
}

fn check_function(module: &Module, func: FuncId) -> Result<(), Error> {
    if module.has(func) { Ok(()) } else { Err(Error::User("the function does not exist in this module".into())) }
}

/// Puts the derivative that the options ask for into the module, and says which function it is.
fn differentiate(
    module: &Verified<Module>,
    func: FuncId,
    options: &Options,
) -> Result<(Verified<Module>, FuncId), Error> {
    check_function(module, func)?;
    let Some(Differentiate { derivative, wrt }) = &options.differentiate else {
        return Ok((module.clone(), func));
    };
    let wrt = positions(module.function(func), wrt)?;
    let derived = pullback_autodiff::differentiate(module, func, *derivative, &wrt)?;
    let mut module = Module::clone(module);
    let derived = module.add(derived);
    let module = verify(module).map_err(|errors| Error::Bug(format!("differentiation: {errors}")))?;
    Ok((module, derived))
}

/// The positions of parameters by name.
pub(crate) fn positions(function: &Function, names: &[String]) -> Result<Vec<usize>, Error> {
    let params: Vec<&str> =
        function.params().iter().map(|&param| function.value_name(param).map_or("", |name| name)).collect();
    let find = |name: &String| {
        let missing = || {
            let known = params.iter().map(|param| format!("%{param}")).collect::<Vec<_>>().join(", ");
            Error::User(format!("@{} has no parameter %{name}, only {known}", function.name))
        };
        params.iter().position(|param| param == name).ok_or_else(missing)
    };
    names.iter().map(find).collect()
}

fn optimize(
    m: &Verified<Module>,
    func: FuncId,
    options: &Options,
    report: &mut Report,
) -> Result<Verified<Module>, Error> {
    run_passes(m, func, options.passes, options, report)
}

fn run_passes(
    m: &Verified<Module>,
    func: FuncId,
    passes: &[&Pass],
    options: &Options,
    report: &mut Report,
) -> Result<Verified<Module>, Error> {
    let limit = options.pass_limit.as_ref().map(|limit| match limit {
        PassLimit::Before(name) => Limit::Before(name),
        PassLimit::After(name) => Limit::After(name),
    });
    let pipeline = PipelineOptions { verify_between: options.verify_each, limit, ..PipelineOptions::default() };
    let optimized = run_pipeline(m, func, passes, &pipeline, &mut |pass, before, after, time| {
        let instructions = Some((before.insts().len(), after.insts().len()));
        report.timings.push(Timing { instructions, ..Timing::new("optimize", pass.name, time) });
    })?;
    Ok(optimized.module)
}

/// The function without calls, regions that run exactly once and operations that are written as others: what the stages behind do not take and a
/// pipeline of the caller's choice may leave.
fn without_calls(module: &Verified<Module>, func: FuncId) -> Result<Function, Error> {
    let function = pullback_ir::rewrite::inline_calls(module, module.function(func));
    let function = function.map_err(|error| Error::Limit(error.message))?;
    let function = pullback_optimize::passes::inline_regions(module, &function);
    let function = function.map_err(|error| Error::Bug(error.to_string()))?;
    Ok(pullback_optimize::passes::expand_operations(module, &function)?.into_owned())
}

/// A function without calls and how it is fused, with so much computed again that it keeps to the budget of memory, if there is one; of the module before it was optimised, and
/// optimised.
fn fused(
    (unoptimized, module): (&Verified<Module>, &Verified<Module>),
    func: FuncId,
    options: &Options,
    report: &mut Report,
) -> Result<(Function, Plan), Error> {
    let function = without_calls(module, func)?;
    let plan = report.stage("fuse", |_| plan(&function, options))?;
    let Some(budget) = options.memory_budget else { return Ok((function, plan)) };
    let before = function.insts().len();
    report.stage("rematerialize", |report| {
        let start = Instant::now();
        let unmerged = || {
            let apart = |pass: &&Pass| pass.name != MERGE_PRODUCTS.name;
            let passes: Vec<&Pass> = options.passes.iter().copied().filter(apart).collect();
            let options = Options { pass_limit: None, ..options.clone() };
            let module = run_passes(unoptimized, func, &passes, &options, &mut Report::default())?;
            without_calls(&module, func)
        };
        let (function, plan) = keep_to_budget(module, (function, plan), unmerged, (budget, options))?;
        let instructions = Some((before, function.insts().len()));
        let part = format!("a budget of {budget} bytes");
        report.timings.push(Timing { instructions, ..Timing::new("rematerialize", part, start.elapsed()) });
        Ok((function, plan))
    })
}

pub(crate) fn plan(function: &Function, options: &Options) -> Result<Plan, Error> {
    Ok(fuse(function, FuseOptions { kinds: options.fusion, cutting: options.cutting })?)
}

pub(crate) fn lower(
    function: &Function,
    plan: &Plan,
    options: &Options,
) -> Result<pullback_loops::Verified<Program>, Error> {
    let target = pullback_loops::Target { vector_bytes: pullback_codegen::isa::vector_bytes(options.features) };
    let donations = donations(function, &options.donate)?;
    let mut program = pullback_loops::lower_donating(function, plan, target, &donations)?;
    pullback_loops::contract_mul_add(&mut program);
    if options.fusion >= Fusion::Reductions {
        pullback_loops::join_kernels(&mut program)?;
    }
    if options.fusion == Fusion::All {
        pullback_loops::promote(&mut program)?;
    }
    pullback_loops::eliminate_common_subexpressions(&mut program);
    pullback_loops::interleave(&mut program);
    // Generated code has no bounds checks: this is what it relies on.
    pullback_loops::verify(program).map_err(|errors| Error::Bug(format!("lowering: {errors}")))
}

fn generate(
    f: &Function,
    program: &pullback_loops::Verified<Program>,
    options: &Options,
    text: bool,
) -> Result<pullback_codegen::Compiled, Error> {
    let Options { features, threads, verify_each: verify, .. } = *options;
    let donated = donations(f, &options.donate)?;
    let options = pullback_codegen::Options { features, threads, verify, clif: text, asm: text };
    Ok(pullback_codegen::compile(program, signature(f, &donated), &options)?)
}

/// What the executable takes and gives: names, element types and shapes. What is donated is no input.
fn signature(function: &Function, donated: &[Donation]) -> Signature {
    let parameter = |value, fallback: String| {
        let ty = function.ty(value);
        let name = function.value_name(value).map_or(fallback, |name| name.to_string());
        Parameter { name, dtype: pullback_codegen::runtime_dtype(ty.dtype), shape: ty.shape.extents() }
    };
    let inputs = function.params().iter().enumerate();
    let inputs = inputs.filter(|&(position, _)| donated.iter().all(|donation| donation.param != position));
    let outputs = function.results().iter().enumerate();
    Signature {
        name: function.name.to_string(),
        inputs: inputs.map(|(position, &value)| parameter(value, format!("arg{position}"))).collect(),
        outputs: outputs.map(|(position, &value)| parameter(value, format!("result{position}"))).collect(),
        donated: donated.iter().map(|donation| donation.result).collect(),
    }
}
