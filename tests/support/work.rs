//! How much work a loop program does, and how much fusion may add to it.
//!
//! Fusion evaluates a value again where that is cheaper than a store and a load. A plan that does so inside a loop, or once per
//! consumer, computes the same numbers and only takes longer, up to exponentially longer in the depth of the program; so no
//! comparison of results finds it. Counting does: every operation that the fused program executes is weighed against what the program
//! with one kernel per operation executes.

use pullback_ir::{Binary, Function, Module, Unary, verify};
use pullback_loops::{Expr, For, Program, Routine, RuntimeCall, Step, Stmt, Target, lower};
use pullback_optimize::fuse::{FuseOptions, Fusion, fuse};
use pullback_optimize::passes::{expand_operations, inline_regions};

/// The operations that a run of the program executes, in units of simple arithmetic: every assignment and store counts once per
/// lane and per iteration of the loops around it, multiplied by what it costs.
pub fn work(program: &Program) -> u128 {
    work_of_steps(program, &program.body, 1)
}

/// Loops that end by a condition count as one iteration, branches as all their cases.
fn work_of_steps(program: &Program, steps: &[Step], times: u128) -> u128 {
    let of_step = |step: &Step| match step {
        Step::Kernel(kernel) => work_of(program, &kernel.body, times),
        Step::Loop(inner) => work_of_steps(program, &inner.body, times * inner.extent as u128),
        Step::While(_) | Step::Branch(_) => step.nested().map(|steps| work_of_steps(program, steps, times)).sum(),
    };
    steps.iter().map(of_step).sum()
}

/// The statements of the text of the program, loops included: what code generation has to go through.
pub fn statements(program: &Program) -> usize {
    program.kernels().iter().map(|kernel| statements_of(&kernel.body)).sum()
}

fn work_of(program: &Program, body: &[Stmt], times: u128) -> u128 {
    let of_statement = |stmt: &Stmt| match stmt {
        Stmt::Let(var, expr) => times * u128::from(program.vars[*var].lanes) * cost(program, expr),
        Stmt::Store(_, var) => times * u128::from(program.vars[*var].lanes),
        Stmt::For(nested) => work_of(program, &nested.body, times * trips(nested)),
        // The packed kernel does eight multiply-adds where plain loops do one.
        Stmt::Bind(_) => times,
        Stmt::If(inner) => work_of(program, &inner.body, times),
        Stmt::Call(call) => times * work_of_call(call),
        // An element is copied.
        Stmt::Pack(pack) => times * pack.k as u128 * pack.n as u128,
        Stmt::Gemm(gemm) => times * (2 * gemm.m as u128 * gemm.n as u128 * gemm.k as u128).div_ceil(8),
    };
    body.iter().map(of_statement).sum()
}

/// A sort takes a comparison per element and bit of their count, linear algebra a third to one multiply-add per pair of rows and column.
fn work_of_call(call: &RuntimeCall) -> u128 {
    let extent = |view: usize, axis: usize| call.views[view].axes[axis].extent as u128;
    match call.routine {
        Routine::Argsort { .. } => extent(0, 0) * u128::from(u128::BITS - extent(0, 0).leading_zeros()),
        Routine::Cholesky => extent(0, 0).pow(3) / 3,
        Routine::TriangularSolve { .. } => extent(0, 0).pow(2) * extent(0, 1),
    }
}

fn statements_of(body: &[Stmt]) -> usize {
    let of_statement = |stmt: &Stmt| match stmt {
        Stmt::Let(..) | Stmt::Store(..) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Bind(_) | Stmt::Call(_) => 1,
        Stmt::For(nested) => 1 + statements_of(&nested.body),
        Stmt::If(inner) => 1 + statements_of(&inner.body),
    };
    body.iter().map(of_statement).sum()
}

fn trips(nested: &For) -> u128 {
    (nested.extent / nested.step).max(0) as u128
}

/// The cost of one lane of an assignment. A combination of lanes makes a scalar of a vector and is charged for all of it.
fn cost(program: &Program, expr: &Expr) -> u128 {
    match expr {
        Expr::Unary(op, _) => match op {
            Unary::Neg | Unary::Abs | Unary::Not | Unary::Sign | Unary::Floor | Unary::Ceil | Unary::Round => 1,
            Unary::Sqrt => 4,
            Unary::Exp
            | Unary::Exp2
            | Unary::Expm1
            | Unary::Log
            | Unary::Log2
            | Unary::Log1p
            | Unary::Rsqrt
            | Unary::Cbrt
            | Unary::Sin
            | Unary::Cos
            | Unary::Tan
            | Unary::Asin
            | Unary::Acos
            | Unary::Atan
            | Unary::Sinh
            | Unary::Cosh
            | Unary::Tanh
            | Unary::Logistic
            | Unary::Erf
            | Unary::Erfc => 20,
            Unary::ErfInv | Unary::Lgamma | Unary::Digamma | Unary::BesselI0e | Unary::BesselI1e => 100,
            Unary::PopulationCount => 8,
            Unary::StopGradient => 0,
        },
        Expr::Binary(op, ..) => match op {
            Binary::Add
            | Binary::Sub
            | Binary::Mul
            | Binary::Max
            | Binary::Min
            | Binary::And
            | Binary::Or
            | Binary::Xor
            | Binary::ShiftLeft
            | Binary::ShiftRight
            | Binary::ShiftRightLogical => 1,
            Binary::Div => 4,
            Binary::Pow | Binary::Atan2 | Binary::Rem => 40,
            Binary::Polygamma => 200,
        },
        Expr::ReduceLanes(_, vector) => u128::from(program.vars[*vector].lanes),
        Expr::Const(_)
        | Expr::Position { .. }
        | Expr::Load(_)
        | Expr::Splat(_)
        | Expr::MulAdd(..)
        | Expr::Compare(..)
        | Expr::IsFinite(_)
        | Expr::Select(..)
        | Expr::Bitcast(_)
        | Expr::Convert(_) => 1,
    }
}

/// The loop program of a function without calls.
pub fn program_of(function: &Function, kinds: Fusion) -> Result<Program, String> {
    let module = verify(Module::new()).map_err(|errors| errors.to_string())?;
    let function = inline_regions(&module, function).map_err(|error| error.to_string())?;
    let function = &expand_operations(&module, &function).map_err(|error| error.to_string())?;
    let plan = fuse(function, FuseOptions { kinds, ..FuseOptions::default() })
        .map_err(|error| format!("fusion {kinds}: {error}"))?;
    lower(function, &plan, Target::default()).map_err(|error| format!("fusion {kinds}: {error}"))
}

/// What fusion makes of the work and of the text of a program.
#[derive(Clone, Copy, Debug)]
pub struct Comparison {
    /// Operations executed, fused and not.
    pub work: (u128, u128),
    /// Statements, fused and not.
    pub statements: (usize, usize),
}

impl Comparison {
    /// Lowers a function without calls both ways.
    pub fn of(function: &Function) -> Result<Self, String> {
        let (fused, unfused) = (program_of(function, Fusion::All)?, program_of(function, Fusion::Off)?);
        Ok(Self { work: (work(&fused), work(&unfused)), statements: (statements(&fused), statements(&unfused)) })
    }

    /// Whether fusion executes at most twice the operations, in at most about four times the text. Cheap operations
    /// may be evaluated again instead of loaded, and reductions and vector loops have several copies of their bodies; neither
    /// grows with the program.
    pub fn check(&self) -> Result<(), String> {
        let (fused, unfused) = self.work;
        if fused > 2 * unfused {
            return Err(format!("{fused} operations are executed, {unfused} without fusion"));
        }
        let (fused, unfused) = self.statements;
        if fused > 4 * unfused + 200 {
            return Err(format!("{fused} statements, {unfused} without fusion"));
        }
        Ok(())
    }
}

/// Whether fusion keeps the work and the text of a function without calls within bounds.
pub fn check_work(function: &Function) -> Result<(), String> {
    Comparison::of(function)?.check()
}
