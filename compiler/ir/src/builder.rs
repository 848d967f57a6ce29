//! Building functions, one instruction at a time.
//!
//! Methods take `&self`, so that calls nest: `b.mul(b.cos(x), t)`. They never fail: the first mistake is remembered
//! with its place, everything built after it is a placeholder, and [`Builder::finish`] returns the mistake. This serves people and
//! rules alike: a derivative rule reads like its formula.
//!
//! Invariant: a function that [`Builder::finish`] returns is in SSA order and every result has its inferred type.

use std::cell::{Ref, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::entities::{FuncId, Region, Value};
use crate::error::BuildError;
use crate::function::{Function, Module};
use crate::infer::infer;
use crate::literal::{Literal, Scalar};
use crate::op::{Axes, Binary, BroadcastSpec, Comparison, DotDims, Op, PadSpec, Reduction, SliceSpec, Unary};
use crate::provenance::Provenance;
use crate::types::{DType, Shape, Type};

/// Builds one function.
pub struct Builder<'m> {
    module: &'m Module,
    state: RefCell<State>,
}

struct State {
    function: Function,
    region: Region,
    provenance: Provenance,
    names: Names,
    error: Option<BuildError>,
    /// Stands for every result after the first mistake; made when that happens.
    placeholder: Option<Value>,
}

/// Keeps names unique by appending a number.
#[derive(Default)]
struct Names {
    taken: HashSet<Arc<str>>,
    next: HashMap<Arc<str>, u32>,
}

impl Names {
    fn unique(&mut self, hint: &str) -> Arc<str> {
        let mut name: Arc<str> = clean(hint).into();
        if self.taken.contains(&name) {
            let base = name.clone();
            let next = self.next.entry(base.clone()).or_insert(1);
            while self.taken.contains(&name) {
                name = format!("{base}_{next}").into();
                *next += 1;
            }
        }
        self.taken.insert(name.clone());
        name
    }
}

/// Turns any text into an identifier of the text form: letters, digits, `_` and `.`, not starting with a digit.
fn clean(hint: &str) -> String {
    let mut name: String =
        hint.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' || c == '.' { c } else { '_' }).collect();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        name.insert(0, '_');
    }
    name
}

impl<'m> Builder<'m> {
    /// Starts a function. Calls refer to functions of `module`.
    #[must_use]
    pub fn new(module: &'m Module, name: &str) -> Self {
        let function = Function::new(clean(name));
        let region = function.body_region();
        Self {
            module,
            state: RefCell::new(State {
                function,
                region,
                provenance: Provenance::default(),
                names: Names::default(),
                error: None,
                placeholder: None,
            }),
        }
    }

    /// The module that calls refer to.
    #[must_use]
    pub const fn module(&self) -> &'m Module {
        self.module
    }

    /// Adds a parameter.
    pub fn param(&self, name: &str, ty: Type) -> Value {
        let mut state = self.state.borrow_mut();
        let region = state.region;
        let value = state.function.push_param(region, ty);
        state.name(value, name);
        value
    }

    /// Appends an instruction with any number of results. After a mistake the list has one placeholder.
    pub fn emit_many(&self, op: Op, args: &[Value]) -> Vec<Value> {
        let mut state = self.state.borrow_mut();
        if let Some(placeholder) = state.placeholder {
            return vec![placeholder];
        }
        if let Some(message) = args.iter().find_map(|&arg| state.foreign(arg)) {
            return vec![state.fail(op.name(), message)];
        }
        let inferred = {
            let types: Vec<&Type> = args.iter().map(|&arg| state.function.ty(arg)).collect();
            infer(self.module, &op, &types)
        };
        match inferred {
            Ok(types) => {
                let region = state.region;
                let provenance = state.provenance.clone();
                let inst = state.function.push_inst(region, op, args, types, provenance);
                state.function.inst_results(inst).to_vec()
            }
            Err(message) => vec![state.fail(op.name(), message)],
        }
    }

    /// Appends an instruction with one result and returns it.
    pub fn emit(&self, op: Op, args: &[Value]) -> Value {
        match self.emit_many(op, args)[..] {
            [value] => value,
            ref values => {
                let message = format!("has {} results where one is used", values.len());
                self.fail("call", message)
            }
        }
    }

    /// Records a mistake, unless there was one before; returns a placeholder.
    pub fn fail(&self, op: &str, message: impl Into<String>) -> Value {
        self.state.borrow_mut().fail(op, message.into())
    }

    /// Whether a mistake was recorded.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.state.borrow().error.is_some()
    }

    /// Instructions built from here on carry this provenance.
    pub fn set_provenance(&self, provenance: Provenance) {
        self.state.borrow_mut().provenance = provenance;
    }

    /// The provenance of instructions built now.
    #[must_use]
    pub fn provenance(&self) -> Provenance {
        self.state.borrow().provenance.clone()
    }

    /// Names a value that has no name yet; a number is appended if the name is taken.
    pub fn name(&self, value: Value, hint: &str) {
        let mut state = self.state.borrow_mut();
        if let Some(message) = state.foreign(value) {
            state.fail("name", message);
        } else if state.placeholder.is_none() && state.function.value_name(value).is_none() {
            state.name(value, hint);
        }
    }

    /// The type of a value; a scalar's, and a mistake, if it is of another function.
    #[must_use]
    pub fn ty(&self, value: Value) -> Type {
        let foreign = self.state.borrow().foreign(value);
        if let Some(message) = foreign {
            self.fail("type", message);
            return Type::scalar(DType::F32);
        }
        self.state.borrow().function.ty(value).clone()
    }

    /// The shape of a value, as [`Builder::ty`].
    #[must_use]
    pub fn shape(&self, value: Value) -> Shape {
        self.ty(value).shape
    }

    /// The function as far as it is built. Do not build while the reference lives.
    #[must_use]
    pub fn function(&self) -> Ref<'_, Function> {
        Ref::map(self.state.borrow(), |state| &state.function)
    }

    /// Ends the function, which returns `results`.
    ///
    /// # Errors
    /// The first mistake made while building.
    pub fn finish(self, results: &[Value]) -> Result<Function, BuildError> {
        let mut state = self.state.into_inner();
        if let Some(message) = results.iter().find_map(|&result| state.foreign(result)) {
            state.fail("return", message);
        }
        if let Some(error) = state.error {
            return Err(error);
        }
        let region = state.region;
        state.function.set_results(region, results);
        Ok(state.function)
    }
}

impl State {
    fn name(&mut self, value: Value, hint: &str) {
        let name = self.names.unique(hint);
        self.function.set_value_name(value, Some(name));
    }

    /// What is wrong with a value that this function does not have. One of another function whose number exists here too cannot be
    /// told from this function's own.
    fn foreign(&self, value: Value) -> Option<String> {
        let count = self.function.value_count();
        let message = || format!("{value} is of another function, this one has {count} values");
        (!self.function.has_value(value)).then(message)
    }

    fn fail(&mut self, op: &str, message: String) -> Value {
        if self.error.is_none() {
            self.error = Some(BuildError { op: op.into(), message, origin: self.provenance.origin.clone() });
        }
        let region = self.region;
        *self.placeholder.get_or_insert_with(|| self.function.push_param(region, Type::scalar(DType::F32)))
    }
}

macro_rules! elementwise {
    ($($(#[$meta:meta])* $name:ident($($arg:ident),*) => $op:expr;)*) => {
        /// Elementwise operations; operands of one type unless said otherwise.
        impl Builder<'_> {
            $($(#[$meta])* pub fn $name(&self, $($arg: Value),*) -> Value {
                self.emit($op, &[$($arg),*])
            })*
        }
    };
}

elementwise! {
    /// `-x`.
    neg(x) => Op::Unary(Unary::Neg);
    /// `|x|`.
    abs(x) => Op::Unary(Unary::Abs);
    /// The sign of `x`.
    sign(x) => Op::Unary(Unary::Sign);
    /// Logical negation.
    not(x) => Op::Unary(Unary::Not);
    /// `e^x`.
    exp(x) => Op::Unary(Unary::Exp);
    /// Natural logarithm.
    log(x) => Op::Unary(Unary::Log);
    /// Square root.
    sqrt(x) => Op::Unary(Unary::Sqrt);
    /// `1 / sqrt(x)`.
    rsqrt(x) => Op::Unary(Unary::Rsqrt);
    /// Sine.
    sin(x) => Op::Unary(Unary::Sin);
    /// Cosine.
    cos(x) => Op::Unary(Unary::Cos);
    /// Hyperbolic sine.
    sinh(x) => Op::Unary(Unary::Sinh);
    /// Hyperbolic cosine.
    cosh(x) => Op::Unary(Unary::Cosh);
    /// Hyperbolic tangent.
    tanh(x) => Op::Unary(Unary::Tanh);
    /// `x + y`.
    add(x, y) => Op::Binary(Binary::Add);
    /// `x - y`.
    sub(x, y) => Op::Binary(Binary::Sub);
    /// `x y`.
    mul(x, y) => Op::Binary(Binary::Mul);
    /// `x / y`.
    div(x, y) => Op::Binary(Binary::Div);
    /// `x^y`.
    pow(x, y) => Op::Binary(Binary::Pow);
    /// The larger of `x` and `y`.
    max(x, y) => Op::Binary(Binary::Max);
    /// The smaller of `x` and `y`.
    min(x, y) => Op::Binary(Binary::Min);
    /// Logical and.
    and(x, y) => Op::Binary(Binary::And);
    /// Logical or.
    or(x, y) => Op::Binary(Binary::Or);
    /// `x` where `pred` (a `bool` tensor) holds, else `y`.
    select(pred, x, y) => Op::Select;
    /// `x` kept between `low` and `high`.
    clamp(low, x, high) => Op::Clamp;
    /// Whether `x` is neither infinite nor NaN.
    is_finite(x) => Op::IsFinite;
}

/// Everything else.
impl Builder<'_> {
    /// An elementwise operation of one operand.
    pub fn unary(&self, op: Unary, x: Value) -> Value {
        self.emit(Op::Unary(op), &[x])
    }

    /// An elementwise operation of two operands of one type.
    pub fn binary(&self, op: Binary, x: Value, y: Value) -> Value {
        self.emit(Op::Binary(op), &[x, y])
    }

    /// A comparison of two operands of one type; the result is `bool`.
    pub fn compare(&self, predicate: Comparison, x: Value, y: Value) -> Value {
        self.emit(Op::Compare(predicate), &[x, y])
    }

    /// `x` with elements of type `dtype`; `x` itself if it has them already.
    pub fn convert(&self, x: Value, dtype: DType) -> Value {
        if self.ty(x).dtype == dtype { x } else { self.emit(Op::Convert(dtype), &[x]) }
    }

    /// A tensor known now.
    pub fn constant(&self, literal: Literal) -> Value {
        self.emit(Op::Constant(Arc::new(literal)), &[])
    }

    /// A tensor of type `ty` whose elements are all `x`, rounded to the element type.
    pub fn splat(&self, ty: &Type, x: f64) -> Value {
        self.constant(Literal::splat(Scalar::from_f64(ty.dtype, x), ty.shape.clone()))
    }

    /// A tensor like `value` in type whose elements are all `x`, rounded to the element type.
    pub fn splat_like(&self, value: Value, x: f64) -> Value {
        self.splat(&self.ty(value), x)
    }

    /// Positions along `axis`.
    pub fn iota(&self, ty: Type, axis: usize) -> Value {
        self.emit(Op::Iota { ty: Box::new(ty), axis }, &[])
    }

    /// Repetition: axis `i` of `x` becomes axis `dims[i]` of `shape`; `x` itself if nothing changes.
    pub fn broadcast(&self, x: Value, shape: &Shape, dims: impl Into<Axes>) -> Value {
        if self.shape(x) == *shape {
            return x;
        }
        let spec = BroadcastSpec { shape: shape.clone(), dims: dims.into() };
        self.emit(Op::Broadcast(Box::new(spec)), &[x])
    }

    /// The same elements with another shape; `x` itself if it has that shape.
    pub fn reshape(&self, x: Value, shape: &Shape) -> Value {
        if self.shape(x) == *shape { x } else { self.emit(Op::Reshape(Box::new(shape.clone())), &[x]) }
    }

    /// Result axis `i` is operand axis `perm[i]`; `x` itself if nothing moves.
    pub fn transpose(&self, x: Value, perm: impl Into<Axes>) -> Value {
        let perm = perm.into();
        if perm.iter().copied().eq(0..self.shape(x).rank()) { x } else { self.emit(Op::Transpose(perm), &[x]) }
    }

    /// Reversal along axes.
    pub fn reverse(&self, x: Value, axes: impl Into<Axes>) -> Value {
        self.emit(Op::Reverse(axes.into()), &[x])
    }

    /// A strided box of positions; one entry per axis in each list.
    pub fn slice(&self, x: Value, start: &[usize], limit: &[usize], stride: &[usize]) -> Value {
        let spec = SliceSpec { start: start.into(), limit: limit.into(), stride: stride.into() };
        self.emit(Op::Slice(Box::new(spec)), &[x])
    }

    /// Positions along one axis, from `start` to before `limit`.
    pub fn slice_axis(&self, x: Value, axis: usize, start: usize, limit: usize) -> Value {
        let mut limits = self.shape(x).extents();
        let mut starts = vec![0; limits.len()];
        let strides = vec![1; limits.len()];
        match (starts.get_mut(axis), limits.get_mut(axis)) {
            (Some(s), Some(l)) => (*s, *l) = (start, limit),
            _ => return self.fail("slice", format!("axis {axis} of a tensor with {} axes", strides.len())),
        }
        self.slice(x, &starts, &limits, &strides)
    }

    /// Padding with the scalar `value`.
    pub fn pad(&self, x: Value, value: Value, spec: PadSpec) -> Value {
        self.emit(Op::Pad(Box::new(spec)), &[x, value])
    }

    /// Operands one after the other along `axis`.
    pub fn concatenate(&self, parts: &[Value], axis: usize) -> Value {
        self.emit(Op::Concatenate { axis }, parts)
    }

    /// Reduction over axes, strictly increasing; without axes, `x` itself.
    pub fn reduce(&self, kind: Reduction, x: Value, axes: impl Into<Axes>) -> Value {
        let axes = axes.into();
        if axes.is_empty() { x } else { self.emit(Op::Reduce { kind, axes }, &[x]) }
    }

    /// Sum over axes.
    pub fn reduce_add(&self, x: Value, axes: impl Into<Axes>) -> Value {
        self.reduce(Reduction::Add, x, axes)
    }

    /// Sum of products over paired axes.
    pub fn dot(&self, x: Value, y: Value, dims: DotDims) -> Value {
        self.emit(Op::Dot(Box::new(dims)), &[x, y])
    }

    /// A call of a function of the module.
    pub fn call(&self, func: FuncId, args: &[Value]) -> Vec<Value> {
        self.emit_many(Op::Call(func), args)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_first_mistake_is_kept_and_later_ones_are_its_echo() {
        let module = Module::new();
        let b = Builder::new(&module, "f");
        let x = b.param("x", Type::new(DType::F32, &[2]).unwrap());
        let y = b.param("y", Type::new(DType::F32, &[3]).unwrap());
        let bad = b.add(x, y);
        let _ = b.mul(bad, x);
        let error = b.finish(&[bad]).unwrap_err();
        assert_eq!(error.op, "add");
        assert_eq!(error.message, "operands of types f32[2] and f32[3], expected one type");
    }

    #[test]
    fn a_value_of_another_function_is_a_mistake_wherever_it_is_used() {
        let module = Module::new();
        let other = Builder::new(&module, "other");
        let ty = Type::new(DType::F64, &[2]).unwrap();
        let _ = other.param("a", ty.clone());
        let far = other.param("b", ty.clone());
        type Use = fn(&Builder<'_>, Value, Value) -> Value;
        let uses: [(&str, Use); 6] = [
            ("add", |b, x, far| b.add(x, far)),
            ("return", |_, _, far| far),
            ("type", |b, _, far| b.splat_like(far, 1.0)),
            ("type", |b, _, far| b.broadcast(far, &Shape::scalar(), [])),
            ("type", |b, _, far| b.convert(far, DType::F32)),
            ("name", |b, x, far| {
                b.name(far, "far");
                x
            }),
        ];
        for (op, use_it) in uses {
            let b = Builder::new(&module, "f");
            let x = b.param("x", ty.clone());
            let result = use_it(&b, x, far);
            let error = b.finish(&[result]).unwrap_err();
            assert_eq!(error.op, op);
            assert_eq!(error.message, "%1 is of another function, this one has 1 values");
        }
    }

    #[test]
    fn names_are_made_unique_and_clean() {
        let module = Module::new();
        let b = Builder::new(&module, "f");
        let ty = Type::scalar(DType::F32);
        let values = [b.param("x", ty.clone()), b.param("x", ty.clone()), b.param("0 y", ty)];
        let f = b.finish(&values).unwrap();
        let names: Vec<&str> = values.iter().map(|&v| &**f.value_name(v).unwrap()).collect();
        assert_eq!(names, ["x", "x_1", "_0_y"]);
    }
}
