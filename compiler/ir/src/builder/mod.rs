//! Building functions, one instruction at a time.
//!
//! Methods take `&self`, so that calls nest: `b.mul(b.cos(x), t)`. They never fail: the first mistake is remembered
//! with its place, everything built after it is a placeholder, and [`Builder::finish`] returns the mistake. This serves people and
//! rules alike: a derivative rule reads like its formula.
//!
//! Invariant: a function that [`Builder::finish`] returns is in SSA order and every result has its inferred type.

mod control;
mod ops;

use std::cell::{Ref, RefCell};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::entities::{Region, Value};
use crate::error::BuildError;
use crate::function::{Function, Module};
use crate::infer::infer;
use crate::op::{MAX_REGION_DEPTH, Op};
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
            // The number of a name that has one already is counted on, not appended to.
            let plain = name.trim_end_matches(|c: char| c.is_ascii_digit()).strip_suffix('_');
            let base: Arc<str> = plain.filter(|plain| !plain.is_empty()).unwrap_or(&name).into();
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

    /// Appends an instruction with any number of results. After a mistake each is a placeholder, one if their number is not known.
    pub fn emit_many(&self, op: Op, args: &[Value]) -> Vec<Value> {
        self.emit_structured(op, args, &[])
    }

    /// As [`Builder::emit_many`], with regions: copies of the bodies of `regions`.
    pub fn emit_structured(&self, op: Op, args: &[Value], regions: &[Function]) -> Vec<Value> {
        let mut state = self.state.borrow_mut();
        if let Some(placeholder) = state.placeholder {
            return vec![placeholder];
        }
        if let Some(message) = args.iter().find_map(|&arg| state.foreign(arg)) {
            return vec![state.fail(op.name(), message)];
        }
        if regions.iter().any(|region| region.region_depth() >= MAX_REGION_DEPTH) {
            return vec![state.fail(op.name(), format!("regions nest deeper than {MAX_REGION_DEPTH}"))];
        }
        let inferred = {
            let types: Vec<&Type> = args.iter().map(|&arg| state.function.ty(arg)).collect();
            let region_types: Vec<_> = regions.iter().map(|region| region.region_type(region.body_region())).collect();
            infer(self.module, &op, &types, &region_types)
        };
        match inferred {
            Ok(types) => {
                let state = &mut *state;
                let names = &mut state.names;
                let regions: Vec<Region> =
                    regions.iter().map(|region| state.function.embed(region, &mut |name| names.unique(name))).collect();
                let region = state.region;
                let provenance = state.provenance.clone();
                let inst = state.function.push_inst(region, op, args, &regions, types, provenance);
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
