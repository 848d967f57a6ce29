//! Kernels: a nest with its variables, the counters of the loops around it and the pointers to its buffers, in a function of its own or inside another.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap, HashSet};

use cranelift_codegen::ir::{InstBuilder, Type, Value};
use cranelift_codegen::isa::TargetFrontendConfig;
use cranelift_frontend::FunctionBuilder;
use pullback_ir::{Binary, Scalar, Unary};
use pullback_loops::{Buffer, Expr, For, Index, Kernel, Program, Space, Stmt, Var, VarType};

use super::constants::{FunctionPool, Pool};
use super::entry::size_in_place;
use super::scopes::{Scope, Scoped};
use super::sharing::{Pointer, is_readonly};
use super::width::register_type;
use super::{Imports, Settings};
use crate::error::Error;
use crate::layout::Layout;
use crate::math::MathBuilder;
use crate::math::externs::FunctionExterns;

/// The most constants that stay in registers, and the most statements of a kernel in which they do: larger ones have other use for them.
#[derive(Clone, Copy)]
struct Keeping {
    constants: usize,
    statements: usize,
}

impl Keeping {
    /// Where there are sixteen registers, and where there are twice as many. As an operand a constant is one more load, of which a long row has enough.
    const fn of(wide: bool) -> Self {
        if wide { Self { constants: 8, statements: 320 } } else { Self { constants: 6, statements: 80 } }
    }
}

/// What kernels are emitted in.
pub(super) struct Environment<'a> {
    pub(super) program: &'a Program,
    /// Of the function, for messages.
    pub(super) name: &'a str,
    pub(super) layout: &'a Layout,
    pub(super) imports: &'a Imports,
    /// The constants of all functions.
    pub(super) pool: &'a RefCell<Pool>,
    pub(super) settings: Settings,
    /// Whether the function runs iterations of a parallel loop, and so takes the worker's memory behind the table.
    pub(super) in_parallel: bool,
}

/// The pointer that the elements of a buffer are reached from.
#[derive(Clone, Copy)]
pub(super) struct Base {
    pub(super) pointer: Scoped,
    /// From the pointer to element 0, in bytes.
    pub(super) origin: i64,
    /// Whether nothing stores to the buffer during a call.
    pub(super) readonly: bool,
}

/// A loop counter in scope.
#[derive(Clone, Copy)]
pub(super) struct Counter {
    /// `None` for a loop of one iteration, whose counter is 0.
    pub(super) value: Option<Scoped>,
    /// The largest value.
    pub(super) last: i64,
    /// How many loops are around it.
    pub(super) depth: usize,
}

/// A function under construction.
pub(super) struct Emitter<'a, 'f> {
    pub(super) env: &'a Environment<'a>,
    pub(super) builder: FunctionBuilder<'f>,
    pub(super) externs: FunctionExterns<'a>,
    values: HashMap<Var, Value>,
    /// The variables that are constants. Unless there are few they are made anew wherever they are used, as an operand of the instruction if it can have one.
    pub(super) scalars: HashMap<Var, Scalar>,
    /// Whether constants stay in registers.
    keeps_constants: bool,
    /// Variables that are others negated for a multiply-add, to which the sign belongs. Elsewhere they are made anew.
    pub(super) negated: HashMap<Var, Var>,
    pool: FunctionPool<'a>,
    /// What the code under construction is in, outermost first; the function itself at least.
    pub(super) scopes: Vec<Scope>,
    pub(super) counters: HashMap<Index, Counter>,
    bases: BTreeMap<Buffer, Base>,
    /// The table of pointers.
    pub(super) table: Value,
    /// The worker's own memory, in the iterations of a parallel loop.
    pub(super) local: Option<Value>,
}

/// Emits a kernel into an empty function `fn(table, counter…)`, in a parallel loop `fn(table, local, counter…)`, of the counters `around` it, outermost first, each with the number of its iterations.
/// Where `pointers` are given, the function takes them behind the counters, and finds its buffers by them; with each comes whether nothing stores to what it is to.
pub(super) fn emit(
    env: &Environment<'_>,
    kernel: &Kernel,
    around: &[(Index, i64)],
    pointers: Option<(&[Pointer], &[bool])>,
    builder: FunctionBuilder<'_>,
    config: TargetFrontendConfig,
) -> Result<(), Error> {
    let (mut emitter, params) = Emitter::begin(env, builder)?;
    for (depth, (&(index, extent), &value)) in around.iter().zip(&params).enumerate() {
        let value = Some(Scoped { value, scope: 0 });
        emitter.counters.insert(index, Counter { value, last: extent - 1, depth });
    }
    match pointers {
        None => emitter.kernel(kernel, around.len())?,
        Some((pointers, readonly)) => {
            let params = params.into_iter().skip(around.len());
            for ((&pointer, &readonly), param) in pointers.iter().zip(readonly).zip(params) {
                emitter.take_base(pointer, param, readonly);
            }
            emitter.body(kernel, around.len())?;
        }
    }
    emitter.finish(config);
    Ok(())
}

/// Collects the constants of floats in a nest, each once; says whether they are all, as they are not where there are functions.
fn collect_constants(body: &[Stmt], found: &mut HashSet<Scalar>) -> bool {
    body.iter().all(|stmt| match stmt {
        Stmt::Let(_, Expr::Const(scalar)) => {
            if scalar.dtype().is_float() {
                found.insert(*scalar);
            }
            true
        }
        Stmt::Let(_, Expr::Unary(op, _)) => is_arithmetic(*op),
        Stmt::Let(_, Expr::Binary(Binary::Pow | Binary::Atan2 | Binary::Rem, ..)) => false,
        Stmt::For(nested) => collect_constants(&nested.body, found),
        Stmt::If(inner) => collect_constants(&inner.body, found),
        Stmt::Let(..) | Stmt::Store(..) | Stmt::Bind(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => true,
    })
}

const fn is_arithmetic(op: Unary) -> bool {
    matches!(op, Unary::Neg | Unary::Abs | Unary::Not | Unary::Sqrt | Unary::Floor | Unary::Ceil | Unary::StopGradient)
}

fn collect_buffers(body: &[Stmt], buffers: &mut Vec<Buffer>) {
    for statement in body {
        match statement {
            Stmt::Let(_, Expr::Load(place)) | Stmt::Store(place, _) => buffers.push(place.buffer),
            Stmt::Let(..) => {}
            Stmt::For(nested) => collect_buffers(&nested.body, buffers),
            Stmt::Gemm(gemm) => buffers.extend([gemm.lhs.buffer, gemm.rhs.buffer(), gemm.out.buffer]),
            Stmt::Pack(pack) => buffers.extend([pack.from.buffer, pack.to.buffer]),
            Stmt::Bind(_) => {}
            Stmt::If(inner) => collect_buffers(&inner.body, buffers),
            Stmt::Call(call) => buffers.extend(call.views.iter().map(|view| view.buffer)),
        }
    }
}

impl<'a, 'f> Emitter<'a, 'f> {
    /// Enters a function `fn(table, …)`, or `fn(table, local, …)` in a parallel loop; gives the other parameters.
    pub(super) fn begin(
        env: &'a Environment<'a>,
        mut builder: FunctionBuilder<'f>,
    ) -> Result<(Self, Vec<Value>), Error> {
        let block = builder.create_block();
        builder.append_block_params_for_function_params(block);
        builder.switch_to_block(block);
        builder.ensure_inserted_block();
        builder.seal_block(block);
        let (table, local, rest) = match (env.in_parallel, builder.block_params(block)) {
            (false, &[table, ref rest @ ..]) => (table, None, rest.to_vec()),
            (true, &[table, local, ref rest @ ..]) => (table, Some(local), rest.to_vec()),
            (_, _) => {
                return Err(Error::bug(format!("kernel `{}`", env.name), "a function without pointers to memory"));
            }
        };
        let externs = env.imports.math.for_function();
        let (values, scalars, negated, counters) = (HashMap::new(), HashMap::new(), HashMap::new(), HashMap::new());
        let (bases, scopes) = (BTreeMap::new(), vec![Scope::default()]);
        let pool = FunctionPool::new(env.pool, block, table, env.layout.pool_offset());
        let emitter = Self {
            env,
            builder,
            externs,
            values,
            scalars,
            keeps_constants: false,
            negated,
            pool,
            scopes,
            counters,
            bases,
            table,
            local,
        };
        Ok((emitter, rest))
    }

    /// Returns from the function and ends it.
    pub(super) fn finish(mut self, config: TargetFrontendConfig) {
        self.builder.ins().return_(&[]);
        self.builder.finalize(config);
    }

    /// Emits the statements of a kernel that `depth` loops are around.
    pub(super) fn kernel(&mut self, kernel: &Kernel, depth: usize) -> Result<(), Error> {
        let mut buffers = Vec::new();
        collect_buffers(&kernel.body, &mut buffers);
        self.load_bases(&buffers)?;
        self.body(kernel, depth)
    }

    fn body(&mut self, kernel: &Kernel, depth: usize) -> Result<(), Error> {
        let mut found = HashSet::new();
        let most = Keeping::of(self.env.settings.wide);
        self.keeps_constants = size_in_place(&kernel.body).is_some_and(|size| size <= most.statements)
            && collect_constants(&kernel.body, &mut found)
            && found.len() <= most.constants;
        self.statements(&kernel.body, depth)
    }

    /// Loads the pointers to buffers, which those loaded before are forgotten for: they need not be at hand in what follows.
    pub(super) fn load_bases(&mut self, buffers: &[Buffer]) -> Result<(), Error> {
        self.bases.clear();
        buffers.iter().try_for_each(|&buffer| self.load_base(buffer))
    }

    pub(super) fn bug<T>(&self, message: impl Into<String>) -> Result<T, Error> {
        Err(Error::bug(format!("kernel `{}`", self.env.name), message))
    }

    fn load_base(&mut self, buffer: Buffer) -> Result<(), Error> {
        if self.bases.contains_key(&buffer) {
            return Ok(());
        }
        let Some(data) = self.env.program.buffers.get(buffer) else {
            return self.bug(format!("there is no buffer {buffer}"));
        };
        let readonly = is_readonly(self.env.program, buffer);
        let origin = match data.space {
            Space::Input(_) | Space::Constant(_) | Space::Output(_) => 0,
            Space::Arena(offset) | Space::Local(offset) => offset as i64,
        };
        let pointer = match (&data.space, self.local) {
            (Space::Local(_), Some(value)) => Scoped { value, scope: 0 },
            (Space::Local(_), None) => return self.bug(format!("{buffer} is a worker's own, outside a parallel loop")),
            (Space::Input(_) | Space::Output(_) | Space::Constant(_) | Space::Arena(_), _) => {
                self.table_entry(self.env.layout.table_offset(buffer))
            }
        };
        self.bases.insert(buffer, Base { pointer, origin, readonly });
        Ok(())
    }

    /// Reaches a buffer from a pointer to one of its elements.
    fn take_base(&mut self, Pointer { buffer, element }: Pointer, pointer: Value, readonly: bool) {
        let origin = -element * self.element_bytes(buffer);
        let pointer = Scoped { value: pointer, scope: 0 };
        self.bases.insert(buffer, Base { pointer, origin, readonly });
    }

    /// The pointers that a kernel is called with.
    pub(super) fn pointers(&mut self, pointers: &[Pointer]) -> Result<Vec<Value>, Error> {
        let buffers: Vec<Buffer> = pointers.iter().map(|pointer| pointer.buffer).collect();
        self.load_bases(&buffers)?;
        let mut values = Vec::with_capacity(pointers.len());
        for &Pointer { buffer, element } in pointers {
            let Base { pointer: Scoped { value: pointer, .. }, origin, .. } = self.base(buffer)?;
            let bytes = origin + element * self.element_bytes(buffer);
            values.push(if bytes == 0 { pointer } else { self.builder.ins().iadd_imm_s(pointer, bytes) });
        }
        Ok(values)
    }

    fn element_bytes(&self, buffer: Buffer) -> i64 {
        self.env.program.buffers[buffer].dtype.bytes() as i64
    }

    pub(super) fn base(&self, buffer: Buffer) -> Result<Base, Error> {
        match self.bases.get(&buffer) {
            Some(&base) => Ok(base),
            None => self.bug(format!("{buffer} is not among the kernel's buffers")),
        }
    }

    pub(super) fn var_type(&self, var: Var) -> Result<VarType, Error> {
        match self.env.program.vars.get(var) {
            Some(&ty) => Ok(ty),
            None => self.bug(format!("there is no variable {var}")),
        }
    }

    pub(super) fn value(&mut self, var: Var) -> Result<Value, Error> {
        if let Some(&value) = self.values.get(&var) {
            return Ok(value);
        }
        match (self.scalars.get(&var).copied(), self.negated.get(&var).copied()) {
            (Some(scalar), _) => self.constant(self.var_type(var)?, scalar),
            (None, Some(opposite)) => {
                let opposite = self.value(opposite)?;
                Ok(self.math().neg(opposite))
            }
            (None, None) => self.bug(format!("{var} is used before it is assigned")),
        }
    }

    /// The value of a variable that has to be of a type.
    pub(super) fn operand(&mut self, var: Var, ty: VarType) -> Result<Value, Error> {
        let found = self.var_type(var)?;
        if found != ty {
            let (expected, found) = (type_name(ty), type_name(found));
            return self.bug(format!("{var} is {found}, an operand of type {expected} is needed"));
        }
        self.value(var)
    }

    /// Whether a variable was assigned.
    fn is_assigned(&self, var: Var) -> bool {
        self.values.contains_key(&var) || self.scalars.contains_key(&var) || self.negated.contains_key(&var)
    }

    /// Makes a float variable another one negated.
    pub(super) fn assign_negated(&mut self, var: Var, opposite: Var) -> Result<(), Error> {
        let (ty, found) = (self.var_type(var)?, self.var_type(opposite)?);
        if ty != found || !ty.dtype.is_float() || !self.is_assigned(opposite) || self.is_assigned(var) {
            return self.bug(format!("{var}, {}, is {opposite}, {}, negated", type_name(ty), type_name(found)));
        }
        self.negated.insert(var, opposite);
        Ok(())
    }

    pub(super) fn assign(&mut self, var: Var, value: Value) -> Result<(), Error> {
        let (expected, found) = (self.register_type(self.var_type(var)?)?, self.builder.func.dfg.value_type(value));
        if expected != found {
            return self.bug(format!("{var} is held as {expected} and was computed as {found}"));
        }
        if self.is_assigned(var) {
            return self.bug(format!("{var} is assigned twice"));
        }
        self.values.insert(var, value);
        Ok(())
    }

    /// Makes a variable a constant.
    pub(super) fn assign_constant(&mut self, var: Var, scalar: Scalar) -> Result<(), Error> {
        let ty = self.var_type(var)?;
        self.register_type(ty)?;
        if scalar.dtype() != ty.dtype {
            return self.bug(format!("a constant of {} where one of {} is needed", scalar.dtype(), ty.dtype));
        }
        if self.is_assigned(var) {
            return self.bug(format!("{var} is assigned twice"));
        }
        if self.keeps_constants && ty.dtype.is_float() {
            let value = match self.kept((ty, scalar)) {
                Some(value) => value,
                None => self.constant(ty, scalar)?,
            };
            self.keep((ty, scalar), value);
            self.values.insert(var, value);
        }
        self.scalars.insert(var, scalar);
        Ok(())
    }

    /// The Cranelift type that holds a value of a type.
    pub(super) fn register_type(&self, ty: VarType) -> Result<Type, Error> {
        match register_type(ty, self.env.settings.wide) {
            Some(ty) => Ok(ty),
            None => self.bug(format!("there is no register for {}", type_name(ty))),
        }
    }

    /// The math functions' view of the function under construction.
    pub(super) fn math(&mut self) -> MathBuilder<'_, 'f> {
        let Self { builder, externs, pool, .. } = self;
        MathBuilder { builder, fma: self.env.settings.fma, wide: self.env.settings.wide, externs, constants: pool }
    }

    /// Puts a loop's counter in scope.
    pub(super) fn enter(&mut self, nest: &For, value: Option<Value>, depth: usize) {
        let scope = self.scope();
        let value = value.map(|value| Scoped { value, scope });
        let last = if value.is_some() { nest.extent - nest.step } else { 0 };
        self.counters.insert(nest.index, Counter { value, last, depth });
    }
}

/// A type in messages.
pub(super) fn type_name(ty: VarType) -> String {
    if ty.lanes == 1 { ty.dtype.to_string() } else { format!("{}x{}", ty.dtype, ty.lanes) }
}
