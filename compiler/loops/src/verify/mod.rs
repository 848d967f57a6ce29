//! The verifier: every rule of the loop IR, all violations collected.
//!
//! Generated code has no bounds checks, so what this module accepts is what memory safety rests on. The rules are the invariants of
//! [`program`](crate::program), in these groups:
//!
//! * here: names, loops, single assignment, scope;
//! * `step`: control flow around kernels;
//! * `types`: operand and result types of expressions, legal vectors;
//! * `access`: every access of every iteration stays inside its buffer, nothing is stored to what is read only or loaded before
//!   something is stored;
//! * `product`: matrix products do not overlap their operands, and what is packed is used as it was packed;
//! * `call`: the same for calls of the runtime;
//! * `buffers`: positions of arguments and results, constants, and that buffers of the arena that live at one time are apart;
//! * `parallel`: iterations of parallel loops touch nothing that another stores.
//!
//! Loops are rectangular: a counter's range does not depend on other counters; that of one bound to a variable is its limit's alone. So the least and the greatest value of an affine
//! expression are sums of extremes of its terms, each is reached, and the check of an access is exact. Computation is in
//! 128 bits and saturates, which no comparison here can notice. The body of a loop without iterations accesses nothing. The same holds for
//! loops around kernels, whose counters are in scope in all kernels inside.
//!
//! Time is linear in the program, its parallel loops counted once for each that they are in, but for sorting. [`Verified`] can only be made here.

mod access;
mod buffers;
mod call;
mod parallel;
mod product;
mod step;
mod types;

use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;

use cranelift_entity::{EntitySet, SecondaryMap};
use pullback_ir::DType;

use crate::memory::Timeline;
use crate::print::stmts_to_strings;
use crate::program::{Bind, Buffer, For, If, Index, Kernel, Program, Stmt, Var, VarType};

pub use parallel::can_run_in_parallel;
use product::Layout;
pub(crate) use types::is_legal;

/// How deep loops may be nested: what walks a program recurses this deep.
pub const MAX_DEPTH: usize = 128;

/// The number of violations after which checking stops.
const MAX_ERRORS: usize = 50;

/// A value that passed [`verify`].
#[derive(Clone, Debug)]
pub struct Verified<T>(T);

impl<T> Verified<T> {
    /// Gives up the guarantee, to edit.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}

/// A broken rule of the loop IR.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyError {
    /// The kernel's name, if the rule concerns one.
    pub kernel: Option<String>,
    /// The statement as text, a loop without its body; empty if the rule concerns none.
    pub statement: String,
    /// What is wrong and what was expected.
    pub message: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(kernel) = &self.kernel {
            write!(f, "in kernel @{kernel}: ")?;
        }
        f.write_str(&self.message)?;
        if self.statement.is_empty() { Ok(()) } else { write!(f, "\n    {}", self.statement) }
    }
}

/// All broken rules found in a program, at least one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyErrors(pub Vec<VerifyError>);

impl fmt::Display for VerifyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, error) in self.0.iter().enumerate() {
            if position > 0 {
                writeln!(f)?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for VerifyErrors {}

/// Checks every rule of the loop IR.
///
/// # Errors
/// The violations, in order of the text, at most fifty or so.
pub fn verify(program: Program) -> Result<Verified<Program>, VerifyErrors> {
    let errors = check(&program);
    if errors.is_empty() { Ok(Verified(program)) } else { Err(VerifyErrors(errors)) }
}

/// All violations in a program; empty if it is well formed.
#[must_use]
pub fn check(program: &Program) -> Vec<VerifyError> {
    let mut checker = Checker::new(program);
    checker.check_names();
    checker.check_buffers();
    checker.steps(&program.body);
    // The memory plan is judged by what statements touch, which has to exist.
    if checker.found.is_empty() {
        let timeline = Timeline::new(program);
        checker.check_memory(&timeline);
        checker.check_parallel(&timeline);
        checker.check_results();
    }
    let statements: Vec<_> = checker.found.iter().map(|found| found.stmt).collect();
    let texts = stmts_to_strings(program, &statements);
    let with_text = checker.found.into_iter().zip(texts);
    with_text.map(|(Found { kernel, message, .. }, statement)| VerifyError { kernel, statement, message }).collect()
}

/// A violation whose statement is not written out yet.
struct Found<'a> {
    kernel: Option<String>,
    stmt: Option<&'a Stmt>,
    message: String,
}

/// What the walk knows about a variable.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Scope {
    #[default]
    Unassigned,
    Open,
    Closed,
}

struct Checker<'a> {
    program: &'a Program,
    scope: SecondaryMap<Var, Scope>,
    /// Variables in scope, in order of assignment.
    open: Vec<Var>,
    /// For each counter in scope the largest value.
    last: SecondaryMap<Index, Option<i64>>,
    /// Counters bound to variables that are in scope, in order.
    bound: Vec<Index>,
    /// The counters of the loops seen, and those bound to variables.
    counters: EntitySet<Index>,
    /// The buffers that something is stored to.
    stored: EntitySet<Buffer>,
    /// How the buffers seen so far are laid out.
    layouts: SecondaryMap<Buffer, Option<Layout>>,
    depth: usize,
    /// Loops without iterations around the statement.
    unreachable: usize,
    kernel: Option<&'a Kernel>,
    stmt: Option<&'a Stmt>,
    found: Vec<Found<'a>>,
}

impl<'a> Checker<'a> {
    fn new(program: &'a Program) -> Self {
        Self {
            program,
            scope: SecondaryMap::with_capacity(program.vars.len()),
            open: Vec::new(),
            last: SecondaryMap::new(),
            bound: Vec::new(),
            counters: EntitySet::new(),
            stored: EntitySet::new(),
            layouts: SecondaryMap::new(),
            depth: 0,
            unreachable: 0,
            kernel: None,
            stmt: None,
            found: Vec::new(),
        }
    }

    fn report(&mut self, message: impl Into<String>) {
        if self.found.len() < MAX_ERRORS {
            let kernel = self.kernel.map(|kernel| kernel.name.to_string());
            self.found.push(Found { kernel, stmt: self.stmt, message: message.into() });
        }
    }

    fn check_names(&mut self) {
        let program = self.program;
        self.check_name("the program", &program.name);
        let mut seen = HashSet::new();
        for kernel in program.kernels() {
            self.check_name("a kernel", &kernel.name);
            if !seen.insert(&kernel.name) {
                self.report(format!("two kernels are named @{}", kernel.name));
            }
        }
        let mut seen = HashSet::new();
        for buffer in program.buffers.values() {
            self.check_name("a buffer", &buffer.name);
            if !seen.insert(&buffer.name) {
                self.report(format!("two buffers are named %{}", buffer.name));
            }
        }
    }

    fn check_name(&mut self, what: &str, name: &str) {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if name.is_empty() || !name.chars().all(allowed) {
            self.report(format!("{what} is named {name:?}, expected letters, digits, `_` and `.`"));
        }
    }

    fn check_kernel(&mut self, kernel: &'a Kernel) {
        self.kernel = Some(kernel);
        self.statements(&kernel.body);
        self.stmt = None;
        self.leave_scope(0);
        self.kernel = None;
    }

    fn statements(&mut self, stmts: &'a [Stmt]) {
        let outer = self.bound.len();
        for stmt in stmts {
            if self.found.len() >= MAX_ERRORS {
                return;
            }
            self.stmt = Some(stmt);
            match stmt {
                Stmt::Let(var, expr) => {
                    if let Some(ty) = self.assignable(*var, "the variable") {
                        self.check_expr(ty, expr);
                        self.assign(*var);
                    }
                }
                Stmt::Store(place, var) => self.check_store(place, *var),
                Stmt::For(inner) => self.check_loop(stmt, inner),
                Stmt::Gemm(gemm) => self.check_gemm(gemm),
                Stmt::Pack(pack) => self.check_pack(pack),
                Stmt::Bind(bind) => self.check_bind(bind),
                Stmt::If(inner) => self.check_if(stmt, inner),
                Stmt::Call(call) => self.check_call(call),
            }
        }
        for index in self.bound.drain(outer..) {
            self.last[index] = None;
        }
    }

    fn check_bind(&mut self, bind: &Bind) {
        if let Some(ty) = self.operand(0, bind.var)
            && !(ty.dtype.is_integer() && ty.lanes == 1)
        {
            self.report(format!("the counter is bound to {ty}, expected a scalar of an integer type"));
        }
        if bind.extent < 1 {
            self.report(format!("the counter is below {}, expected at least 1", bind.extent));
        }
        if self.check_counter(bind.index) {
            self.last[bind.index] = Some(bind.extent.max(1) - 1);
            self.bound.push(bind.index);
        }
    }

    fn check_if(&mut self, stmt: &'a Stmt, inner: &'a If) {
        if let Some(ty) = self.operand(0, inner.condition)
            && ty != VarType::scalar(DType::Bool)
        {
            self.report(format!("the condition is {ty}, expected bool"));
        }
        if !self.check_depth() {
            return;
        }
        let (outer, stored) = (self.open.len(), self.stored.clone());
        self.depth += 1;
        self.statements(&inner.body);
        self.depth -= 1;
        self.stmt = Some(stmt);
        self.leave_scope(outer);
        // Perhaps the statements do not run.
        self.stored = stored;
    }

    fn check_loop(&mut self, stmt: &'a Stmt, inner: &'a For) {
        let For { index, extent, step, carried, body } = inner;
        if *step < 1 || *extent < 0 || extent.checked_rem(*step) != Some(0) {
            let rule = "expected a step of at least 1 and a multiple of it that is not negative";
            return self.report(format!("the loop goes to {extent} by {step}, {rule}"));
        }
        if !self.check_counter(*index) || !self.check_depth() {
            return;
        }
        let types: Vec<Option<VarType>> =
            carried.iter().enumerate().map(|(number, carried)| self.operand(number, carried.init)).collect();
        let (outer, was) = (self.open.len(), self.last[*index]);
        for (carried, &ty) in carried.iter().zip(&types) {
            self.assign_carried(carried.param, ty, "a carried value");
        }
        self.last[*index] = Some(extent - step.min(extent));
        self.depth += 1;
        self.unreachable += usize::from(*extent == 0);
        self.statements(body);
        self.stmt = Some(stmt);
        for (number, (carried, &ty)) in carried.iter().zip(&types).enumerate() {
            let found = self.operand(number, carried.next);
            if let (Some(expected), Some(found)) = (ty, found)
                && expected != found
            {
                self.report(format!("carried value {number} begins as {expected} and goes on as {found}"));
            }
        }
        self.unreachable -= usize::from(*extent == 0);
        self.depth -= 1;
        self.last[*index] = was;
        self.leave_scope(outer);
        for (carried, &ty) in carried.iter().zip(&types) {
            self.assign_carried(carried.result, ty, "a result");
        }
    }

    /// A counter exists and is no other loop's.
    fn check_counter(&mut self, index: Index) -> bool {
        if index.as_u32() >= self.program.index_count {
            self.report(format!("there is no counter {index}, the program has {}", self.program.index_count));
            return false;
        }
        if !self.counters.insert(index) {
            self.report("another loop has the same counter");
        }
        true
    }

    fn check_depth(&mut self) -> bool {
        if self.depth == MAX_DEPTH {
            self.report(format!("loops are nested more than {MAX_DEPTH} deep"));
        }
        self.depth < MAX_DEPTH
    }

    fn assign_carried(&mut self, var: Var, expected: Option<VarType>, what: &str) {
        if let Some(found) = self.assignable(var, what) {
            if expected.is_some_and(|expected| expected != found) {
                let expected = expected.map(|ty| ty.to_string()).unwrap_or_default();
                self.report(format!("{what} of the loop is {found} and begins as {expected}"));
            }
            self.assign(var);
        }
    }

    /// The type of a variable about to be assigned, if that is allowed.
    fn assignable(&mut self, var: Var, what: &str) -> Option<VarType> {
        let Some(&ty) = self.program.vars.get(var) else {
            self.report(format!("{what} does not exist"));
            return None;
        };
        if self.scope[var] != Scope::Unassigned {
            self.report(format!("{what} is assigned a second time"));
        }
        if !is_legal(ty) {
            self.report(format!("{what} is of type {ty}, {}", types::LEGAL));
        }
        Some(ty)
    }

    fn assign(&mut self, var: Var) {
        self.scope[var] = Scope::Open;
        self.open.push(var);
    }

    fn leave_scope(&mut self, outer: usize) {
        for var in self.open.drain(outer..) {
            self.scope[var] = Scope::Closed;
        }
    }

    /// The type of an operand, if it may be used here.
    fn operand(&mut self, number: usize, var: Var) -> Option<VarType> {
        let Some(&ty) = self.program.vars.get(var) else {
            self.report(format!("operand {number} does not exist"));
            return None;
        };
        match self.scope[var] {
            Scope::Open => Some(ty),
            Scope::Unassigned => {
                self.report(format!("operand {number} is used before it is assigned"));
                None
            }
            Scope::Closed => {
                self.report(format!("operand {number} is used outside the loop or kernel that assigns it"));
                None
            }
        }
    }
}
