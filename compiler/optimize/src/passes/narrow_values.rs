//! Narrows values: where only slices of a value are read, only those are computed.
//!
//! Why: `split(x · w + b)` computes an array to read it again in parts; a Jacobian by rows is computed for all rows, of which a program may take some; and the
//! adjoint of the one is a concatenation that is sliced again.
//!
//! Slices move towards what they are slices of. From the last instruction to the first, each value's readers say which parts of it they need (`demand.rs`): a slice says
//! which part, an elementwise operation passes on what is needed of its result, a concatenation tells each operand its share. If that is
//! not all of it, the value is computed in those parts, provided that they do not overlap, or else their hull is.
//!
//! What is not elementwise, a view, a reduction, a pad or a concatenation is computed whole, and slices of it stay. A value of which many parts (more
//! than `MAX_PARTS`) are read stays in one piece: that many small computations are slower than one.
//!
//! No element is computed that was not computed before, and none twice; each is computed as it was.
//!
//! After: every slice without strides is of a parameter, of what is computed whole, or of many parts.

mod demand;

use cranelift_entity::SecondaryMap;
use pullback_ir::op::BroadcastSpec;
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params, map_results};
use pullback_ir::{Builder, Function, Inst, Literal, Module, Op, PadSpec, Shape, Value, Verified};

use self::demand::{Demand, demands, inside, operand_parts, sliced_part};
use crate::pass::{Changed, Error, Pass};
use crate::passes::part::Part;
use crate::regions::at_every_level;

/// The pass.
pub static NARROW_VALUES: Pass = Pass {
    name: "narrow_values",
    about: "compute only the parts of values that are read",
    may_change: |_| true,
    waits: false,
    run,
};

fn run<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    at_every_level(NARROW_VALUES.name, module, function, &mut |level| run_level(module, level))
}

fn run_level<'f>(module: &Verified<Module>, function: &'f Function) -> Result<Changed<'f>, Error> {
    let demands = demands(function);
    if !function.insts().iter().any(|&inst| demand::is_narrowed(function, inst, &demands)) {
        return Ok(Changed::Borrowed(function));
    }
    let b = Builder::new(module, &function.name);
    let mut narrowing =
        Narrowing { b: &b, function, demands: &demands, parts: SecondaryMap::new(), map: ValueMap::new() };
    copy_params(&b, function, &mut narrowing.map);
    for &inst in function.insts() {
        narrowing.copy(inst);
    }
    let results = narrowing.map.expect_all(&b, function.results());
    b.finish(&results).map(Changed::Owned).map_err(|error| Error::bug(NARROW_VALUES.name, error))
}

struct Narrowing<'a> {
    b: &'a Builder<'a>,
    function: &'a Function,
    demands: &'a SecondaryMap<Value, Demand>,
    /// What the parts of values that are computed in parts became.
    parts: SecondaryMap<Value, Vec<(Part, Value)>>,
    /// What the others became.
    map: ValueMap,
}

impl Narrowing<'_> {
    fn copy(&mut self, inst: Inst) {
        let function = self.function;
        let (&[value], []) = (function.inst_results(inst), function.inst_regions(inst)) else {
            return copy_inst(self.b, function, inst, &mut self.map);
        };
        self.b.set_provenance(function.provenance(inst).clone());
        match &self.demands[value] {
            Demand::Nothing => {}
            Demand::Parts(parts) => {
                for part in parts {
                    let new = self.compute(inst, part);
                    if let (Some(name), [_]) = (function.value_name(value), &parts[..]) {
                        self.b.name(new, name);
                    }
                    self.parts[value].push((part.clone(), new));
                }
            }
            Demand::Hull(_) | Demand::Everything => match (sliced_part(function, inst), function.args(inst)) {
                (Some(part), &[x]) => {
                    let new = self.part_of(x, &part);
                    map_results(self.b, function, inst, &[new], &mut self.map);
                }
                _ => copy_inst(self.b, function, inst, &mut self.map),
            },
        }
    }

    /// A part of an operand, which the analysis has seen that someone needs.
    fn part_of(&self, value: Value, part: &Part) -> Value {
        match self.demands[value] {
            Demand::Parts(_) => match self.parts[value].iter().find(|(computed, _)| computed.contains(part)) {
                Some((computed, new)) => part.within(computed).of(self.b, *new),
                None => self.b.fail("slice", format!("a part of {value} that is not computed")),
            },
            Demand::Hull(_) | Demand::Everything | Demand::Nothing => part.of(self.b, self.map.expect(self.b, value)),
        }
    }

    /// Emits a part of the result of an instruction that passes demands on.
    fn compute(&self, inst: Inst, part: &Part) -> Value {
        let (b, function) = (self.b, self.function);
        let args = function.args(inst);
        let operands = || -> Vec<Value> {
            let parts = args.iter().zip(operand_parts(function, inst, part));
            parts.filter_map(|(&arg, part)| Some(self.part_of(arg, &part?))).collect()
        };
        let shape = match Shape::new(&part.extents()) {
            Ok(shape) => shape,
            Err(error) => return b.fail(function.op(inst).name(), error.to_string()),
        };
        match function.op(inst) {
            // The part of the operand is the value.
            Op::Slice(_) => operands().first().copied().unwrap_or_else(|| b.fail("slice", "no operand")),
            Op::Constant(literal) => match literal.as_splat() {
                Some(element) => b.constant(Literal::splat(element, shape)),
                None => b.fail("constant", "different elements"),
            },
            Op::Broadcast(spec) => {
                b.emit(Op::Broadcast(Box::new(BroadcastSpec { shape, dims: spec.dims.clone() })), &operands())
            }
            Op::Reshape(_) => b.emit(Op::Reshape(Box::new(shape)), &operands()),
            Op::Concatenate { axis } => match operands()[..] {
                [only] => only,
                ref several => b.concatenate(several, *axis),
            },
            Op::Pad(spec) => self.padded(inst, spec, part, shape),
            op => b.emit(op.clone(), &operands()),
        }
    }

    /// A part of a pad: less of the operand with less around it.
    fn padded(&self, inst: Inst, spec: &PadSpec, part: &Part, shape: Shape) -> Value {
        let (b, function) = (self.b, self.function);
        let &[x, fill] = function.args(inst) else { return b.fail("pad", "two operands expected") };
        let fill = self.map.expect(b, fill);
        let inner = inside(spec, &function.ty(x).shape.extents());
        let Some((inner, read)) = inner.and_then(|inner| Some((inner.clone(), inner.common(part)?))) else {
            return b.broadcast(fill, &shape, Vec::new());
        };
        let x = self.part_of(x, &read.within(&inner));
        if read == *part {
            return x;
        }
        let counts = |from: &[usize], to: &[usize]| -> Box<[i64]> {
            from.iter().zip(to).map(|(from, to)| i64::try_from(to - from).unwrap_or(i64::MAX)).collect()
        };
        let (low, high) = (counts(&part.start, &read.start), counts(&read.limit, &part.limit));
        b.pad(x, fill, PadSpec { low, high, interior: spec.interior.clone() })
    }
}
