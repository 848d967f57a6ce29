//! Dissolves concatenations: where all that reads one is stored anyway, that is written in parts, and the concatenation is not stored.
//!
//! Why: `k = concatenate(a, x · y)` is in memory before anything reads it, since its parts come from different loops. If `x` and `y` are in memory too, and `z + h k` and
//! `w + c k` will be, then `k` is a product computed once instead of twice, for an array stored and loaded twice. Loops over arrays that no cache of the first level holds
//! take the time that their memory takes; the primal part of a derivative, whose residuals are stored, has many such arrays.
//!
//! A concatenation is dissolved if
//!
//! * each part is in memory, or is one cheap operation on what is: parameters, results, slices of them and constants;
//! * all paths from it lead through slices and through elementwise operations with one use each to elementwise operations that are results, its *readers*;
//! * it is of some size, its parts lie one behind the other in memory, and no reader is cut into too many pieces.
//!
//! A reader is cut where the concatenations that it reads are. Each of its pieces reads one operand of each of them. The elements are computed by the same operations as before.
//! What nobody reads any more is dead code.
//!
//! After: no concatenation could be dissolved by these rules.

mod readers;

use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{BuildError, Builder, Function, Inst, Literal, Module, Op, Shape, Value, Verified};

use self::readers::{Dissolved, operands, reads_at};
use crate::pass::{Changed, Error, Pass};
use crate::passes::part::Part;
use crate::regions::at_every_level;

/// The pass.
pub static DISSOLVE_CONCATENATIONS: Pass = Pass {
    name: "dissolve_concatenations",
    about: "compute in parts what reads a concatenation instead of storing that",
    may_change: |function| function.all_insts().iter().any(|&inst| matches!(function.op(inst), Op::Concatenate { .. })),
    waits: false,
    run,
};

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    at_every_level(DISSOLVE_CONCATENATIONS.name, module, function, &mut |level| {
        let dissolved = Dissolved::of(level);
        if dissolved.readers.is_empty() {
            return Ok(Changed::Borrowed(level));
        }
        rewritten(module, level, &dissolved)
            .map(Changed::Owned)
            .map_err(|error| Error::bug(DISSOLVE_CONCATENATIONS.name, error))
    })
}

fn rewritten(module: &Module, function: &Function, dissolved: &Dissolved) -> Result<Function, BuildError> {
    let b = Builder::new(module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    for &inst in function.insts() {
        match (dissolved.readers.get(&inst), function.inst_results(inst)) {
            (Some(cuts), &[reader]) => {
                let pieces = Pieces { b: &b, function, dissolved, map: &map };
                let parts: Vec<Value> =
                    cuts.parts(function, reader).iter().map(|part| pieces.reader(inst, part)).collect();
                b.set_provenance(function.provenance(inst).clone());
                let whole = if let [only] = parts[..] { only } else { b.concatenate(&parts, cuts.axis) };
                map_results(&b, function, inst, &[whole], &mut map);
            }
            _ => copy_inst(&b, function, inst, &mut map),
        }
    }
    let results = map.expect_all(&b, function.results());
    b.finish(&results)
}

struct Pieces<'a> {
    b: &'a Builder<'a>,
    function: &'a Function,
    dissolved: &'a Dissolved,
    map: &'a ValueMap,
}

impl Pieces<'_> {
    /// Emits a part of the result of a reader.
    fn reader(&self, inst: Inst, part: &Part) -> Value {
        self.computed(inst, |arg| self.of(arg, part))
    }

    /// Emits a part of a value that may be dissolved, or on the way from what is to a reader.
    fn of(&self, value: Value, part: &Part) -> Value {
        let function = self.function;
        let Some(inst) = function.def_inst(value).filter(|_| self.dissolved.reading.contains(value)) else {
            return self.leaf(value, part);
        };
        match function.op(inst) {
            Op::Concatenate { axis } => {
                let found = operands(function, inst, *axis).find(|(_, place)| place.contains(part));
                match found {
                    Some((operand, place)) => self.operand(operand, &part.within(&place)),
                    None => self.b.fail("concatenate", format!("a piece of {value} that is of no operand")),
                }
            }
            Op::Slice(_) => match (reads_at(function, inst), function.args(inst)) {
                (Some(place), &[x]) => self.of(x, &part.shifted_by(&place)),
                _ => self.leaf(value, part),
            },
            _ => self.reader(inst, part),
        }
    }

    /// A part of an operand of what is dissolved: computed for this reader, if it is not in memory.
    fn operand(&self, value: Value, part: &Part) -> Value {
        match self.function.def_inst(value) {
            Some(inst) if self.dissolved.cheap.contains(value) => self.computed(inst, |arg| self.leaf(arg, part)),
            _ => self.leaf(value, part),
        }
    }

    fn computed(&self, inst: Inst, of: impl Fn(Value) -> Value) -> Value {
        let args: Vec<Value> = self.function.args(inst).iter().map(|&arg| of(arg)).collect();
        self.b.set_provenance(self.function.provenance(inst).clone());
        self.b.emit(self.function.op(inst).clone(), &args)
    }

    /// A part of a value that is computed as it was.
    fn leaf(&self, value: Value, part: &Part) -> Value {
        let function = self.function;
        let constant = function.def_inst(value).and_then(|inst| match function.op(inst) {
            Op::Constant(literal) => literal.as_splat(),
            _ => None,
        });
        match (constant, Shape::new(&part.extents())) {
            (Some(element), Ok(shape)) => self.b.constant(Literal::splat(element, shape)),
            _ => part.of(self.b, self.map.expect(self.b, value)),
        }
    }
}
