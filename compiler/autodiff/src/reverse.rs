//! The reverse driver: transposes linear instructions from last to first.
//!
//! It owns the cotangent of every linear value, their accumulation and names, the provenance of what rules build and
//! the type check of what they return. A linear value whose cotangent is a symbolic zero is skipped.

use std::sync::Arc;

use cranelift_entity::packed_option::PackedOption;
use cranelift_entity::{EntityRef, EntitySet, SecondaryMap};
use pullback_ir::rewrite::{ValueMap, copy_inst};
use pullback_ir::{Builder, Function, Inst, Value};

use crate::control::{self, TransposeError};
use crate::emit;
use crate::error::Error;
use crate::trace::{check_contribution, derived};
use crate::transpose::{self, NotLinear, Operand};

/// The state of the transposition of the linear values of `source` into `b`.
pub(crate) struct Reverse<'a, 'm> {
    b: &'a Builder<'m>,
    source: &'a Function,
    /// The values to transpose.
    linear: EntitySet<Value>,
    /// What the other values of the source became.
    map: ValueMap,
    cotangents: SecondaryMap<Value, PackedOption<Value>>,
    /// For a linear value the name of the primal value whose tangent it is.
    primals: SecondaryMap<Value, Option<Arc<str>>>,
    /// The first instruction that is not the primal's.
    first: usize,
}

impl<'a, 'm> Reverse<'a, 'm> {
    /// Nothing transposed yet. `map` has what the parameters, and all values that are not linear and come before the
    /// steps to transpose, became.
    pub(crate) fn new(b: &'a Builder<'m>, source: &'a Function, linear: EntitySet<Value>, map: ValueMap) -> Self {
        let first = b.function().inst_count();
        Self { b, source, linear, map, cotangents: SecondaryMap::new(), primals: SecondaryMap::new(), first }
    }

    /// Names the cotangent of a linear value after this primal value.
    pub(crate) fn name_after(&mut self, value: Value, primal: &Arc<str>) {
        self.primals[value].get_or_insert_with(|| primal.clone());
    }

    /// Adds to the cotangent of a value; nothing if the value is not linear.
    pub(crate) fn accumulate(&mut self, value: Value, ct: Value) {
        if self.linear.contains(value) {
            let sum = emit::sum(self.b, self.cotangents[value].expand(), Some(ct));
            self.cotangents[value] = sum.into();
        }
    }

    /// The cotangent of a value as accumulated so far, named; `None` is a symbolic zero.
    pub(crate) fn cotangent(&self, value: Value) -> Option<Value> {
        let ct = self.cotangents[value].expand()?;
        // A product with the seed 1 is its other factor, which may be a value of the primal: that keeps its own name.
        let inst = self.b.function().def_inst(ct);
        if let Some(primal) = &self.primals[value]
            && inst.is_some_and(|inst| inst.index() >= self.first)
        {
            self.b.name(ct, &format!("{primal}_ct"));
        }
        Some(ct)
    }

    /// The cotangent of a value, a constant if it is a symbolic zero.
    pub(crate) fn demand(&self, value: Value) -> Value {
        self.cotangent(value).unwrap_or_else(|| {
            let primal = self.primals[value].as_deref().unwrap_or_default();
            self.b.set_provenance(derived(None, "zero cotangent", primal));
            let zero = emit::zero(self.b, self.source.ty(value));
            self.b.name(zero, &format!("{primal}_ct"));
            zero
        })
    }

    /// Transposes one step: copies its instructions that are not linear, then transposes the linear ones backwards.
    ///
    /// # Errors
    /// For an instruction that is not linear in its linear operands, and for bugs in the rules.
    pub(crate) fn step(&mut self, insts: &[Inst]) -> Result<(), Error> {
        let results = insts.iter().flat_map(|&inst| self.source.inst_results(inst));
        if results.into_iter().all(|&result| self.cotangents[result].is_none()) {
            return Ok(());
        }
        for &inst in insts {
            if !self.source.inst_results(inst).iter().any(|&result| self.linear.contains(result)) {
                copy_inst(self.b, self.source, inst, &mut self.map);
            }
        }
        for &inst in insts.iter().rev() {
            self.transpose(inst)?;
        }
        Ok(())
    }

    fn transpose(&mut self, inst: Inst) -> Result<(), Error> {
        let results = self.source.inst_results(inst);
        if !results.iter().any(|&result| self.linear.contains(result)) {
            return Ok(());
        }
        let result_cts: Vec<Option<Value>> = results.iter().map(|&result| self.cotangent(result)).collect();
        if result_cts.iter().all(Option::is_none) {
            return Ok(());
        }
        let op = self.source.op(inst);
        let rule = format!("transpose of {}", op.name());
        let provenance = self.source.provenance(inst);
        let primal = match (&provenance.derivation, self.source.value_name(results[0])) {
            (Some(derivation), _) => &derivation.primal,
            (None, Some(name)) => name,
            (None, None) => &Arc::default(),
        };
        self.b.set_provenance(derived(provenance.origin.clone(), &rule, primal));
        let args = self.source.args(inst);
        let operands: Vec<Operand> = args.iter().map(|&arg| self.operand(arg)).collect();
        let not_linear = |message: &str| Error::NotLinear {
            function: self.source.name.clone(),
            op: op.name(),
            message: message.into(),
            origin: provenance.origin.clone(),
        };
        let cts = if control::is_control(op) {
            control::transpose(self.b, op, &self.source.region_functions(inst), &operands, &result_cts).map_err(
                |error| match error {
                    TransposeError::NotLinear(message) => not_linear(message),
                    TransposeError::Inside(error) => error,
                },
            )?
        } else {
            transpose::rules(self.b, op, &operands, &result_cts).map_err(|NotLinear(message)| not_linear(message))?
        };
        for (&arg, ct) in args.iter().zip(cts) {
            if let Some(ct) = ct {
                check_contribution(self.b, &rule, ct, self.source.ty(arg))?;
                self.accumulate(arg, ct);
            }
        }
        Ok(())
    }

    /// Names cotangents after the primal values whose tangents the linear values are, by their names.
    pub(crate) fn name_after_tangents(&mut self) {
        let source = self.source;
        let results = source.insts().iter().flat_map(|&inst| source.inst_results(inst));
        let values: Vec<Value> = source.params().iter().chain(results).copied().collect();
        for value in values {
            if let Some(name) = source.value_name(value).filter(|_| self.linear.contains(value)) {
                self.name_after(value, &name.strip_suffix("_t").unwrap_or(name).into());
            }
        }
    }

    fn operand(&self, arg: Value) -> Operand {
        if self.linear.contains(arg) {
            Operand::Linear(self.source.ty(arg).clone())
        } else {
            Operand::Known(self.map.expect(self.b, arg))
        }
    }
}
