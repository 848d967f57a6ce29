//! `scan` with binomial checkpointing: a reverse pass that keeps a given number of states.
//!
//! The states before some iterations are in slots. To reverse an iteration, the state before it is computed again from the nearest slot; on the way, slots
//! that have become free are filled. Which state goes where and when is fixed by the number of iterations and of slots ([`Schedule`]), and the choice below
//! needs the fewest iterations possible (Griewank and Walther, "Algorithm 799: Revolve", 2000).
//!
//! The schedule is data: two constant tables. The reverse pass is an ordinary `scan` against the direction of the primal one, with the slots in its state; inside, a
//! `while` fills slots as the table says, another runs iterations again. It is the region of a `transpose_rule`, since the linear map itself is never run.

use std::collections::VecDeque;

use pullback_ir::{
    Builder, Checkpointing, Comparison, DType, Elements, Function, Literal, Op, ScanSpec, Shape, Type, Value, WhileSpec,
};

use super::branch::at;
use super::{Derived, Site, element_type, inline, named, region, transpose_into};
use crate::emit;
use crate::error::Error;
use crate::flow::{Iteration, Property, iteration};
use crate::linearize::{Residual, split};

/// What to do before an iteration is reversed: fill a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Fill {
    /// The slot to begin from, and the iteration whose state it has.
    load: usize,
    from: usize,
    /// The iteration before which to stop, and the slot for that state.
    to: usize,
    store: usize,
}

/// How to reverse one iteration.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Step {
    /// Slots to fill first.
    fills: Vec<Fill>,
    /// The slot to begin from, and the iteration whose state it has.
    load: usize,
    from: usize,
}

/// The steps for iterations `length - 1`, …, 0. Slot 0 has the initial state.
struct Schedule(Vec<Step>);

/// Iterations that can be reversed with `slots` slots, that of the state before the first included, if none runs more than `repeats` times again: `C(slots + repeats, slots)`.
fn reach(slots: usize, repeats: usize) -> usize {
    let mut reach: u128 = 1;
    for k in 1..=slots.min(repeats) as u128 {
        reach = reach * ((slots + repeats) as u128 - k + 1) / k;
        if reach > u128::from(u64::MAX) {
            return usize::MAX;
        }
    }
    usize::try_from(reach).unwrap_or(usize::MAX)
}

/// Where to put the next state when `length` iterations, at least 2, remain to be reversed with `slots` slots, that of the state before the first
/// included: what remains before it can be reversed with one run less of each iteration, what is behind it with one slot less.
fn split_point(length: usize, slots: usize) -> usize {
    let mut repeats = 1;
    while reach(slots, repeats) < length {
        repeats += 1;
    }
    // The right part is not so short that it could do with one run less.
    let left = reach(slots, repeats - 1).min(length.saturating_sub(reach(slots - 1, repeats - 1)));
    left.clamp(1, length - 1)
}

impl Schedule {
    fn new(length: usize, slots: usize) -> Self {
        let mut free: VecDeque<usize> = (1..slots).collect();
        // Iterations from `.0` to before `.1` are to be reversed; slot `.2` has the state before `.0`.
        let mut segments = vec![(0, length, 0)];
        let mut steps = Vec::with_capacity(length);
        let mut fills = Vec::new();
        while let Some((from, to, load)) = segments.pop() {
            if from == to {
                if load != 0 {
                    free.push_front(load);
                }
            } else if let (true, Some(&store)) = (to - from > 1, free.front()) {
                let middle = from + split_point(to - from, free.len() + 1);
                free.pop_front();
                fills.push(Fill { load, from, to: middle, store });
                segments.push((from, middle, load));
                segments.push((middle, to, store));
            } else {
                steps.push(Step { fills: std::mem::take(&mut fills), load, from });
                segments.push((from, to - 1, load));
            }
        }
        Self(steps)
    }

    /// The table of fills, `[load, from, to, store]` a row, and one row `[first fill, end of fills, load, from, iteration]` for each iteration.
    fn tables(&self) -> (Vec<i32>, Vec<[i32; 5]>) {
        let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        let (mut fills, mut rows) = (Vec::new(), Vec::new());
        for (back, step) in self.0.iter().enumerate() {
            let first = fills.len() / 4;
            fills.extend(step.fills.iter().flat_map(|fill| [fill.load, fill.from, fill.to, fill.store].map(number)));
            let iteration = self.0.len() - 1 - back;
            rows.push([first, fills.len() / 4, step.load, step.from, iteration].map(number));
        }
        (fills, rows)
    }
}

/// The longest loop whose schedule is made: the schedule is a constant in the program, with a row or more for each iteration.
const MAX_ITERATIONS: usize = 1 << 20;

/// The loop and what of it has tangents.
struct Revolve<'a> {
    site: &'a Site<'a>,
    spec: &'a ScanSpec,
    body: &'a Function,
    slots: usize,
    /// Active parameters of the body: consts, state, `xs`; and results.
    consts: Vec<usize>,
    carry: Vec<usize>,
    xs: Vec<usize>,
    outputs: Vec<usize>,
}

pub(super) fn differentiate(
    b: &Builder<'_>,
    site: &Site<'_>,
    spec: &ScanSpec,
    body: &Function,
    slots: usize,
) -> Result<Derived, Error> {
    if spec.length > MAX_ITERATIONS {
        return Err(site.no_rule(format!(
            "{} iterations, at most 2^20 with checkpoint_slots: give checkpoint_every instead",
            spec.length
        )));
    }
    let state = spec.consts..spec.consts + spec.carry;
    for &param in &body.params()[state.clone()] {
        let ty = body.ty(param);
        if let Err(error) = Shape::new(&[&[slots][..], &ty.shape.extents()].concat()) {
            return Err(
                site.no_rule(format!("checkpoint_slots={slots} keeps {slots} states of type {ty} as one: {error}"))
            );
        }
    }
    let Iteration { params: active, results } =
        iteration(body, Property::Tangent, &site.active(), spec.consts, spec.carry);
    let positions = |range: std::ops::Range<usize>| range.filter(|&at| active[at]).collect::<Vec<_>>();
    let next = (0..spec.carry).filter(|&at| active[spec.consts + at]);
    let revolve = Revolve {
        site,
        spec,
        body,
        slots,
        consts: positions(0..state.start),
        carry: positions(state.clone()),
        xs: positions(state.end..active.len()),
        outputs: next.chain((spec.carry..results.len()).filter(|&at| results[at])).collect(),
    };
    revolve.build(b)
}

impl Revolve<'_> {
    fn build(&self, b: &Builder<'_>) -> Result<Derived, Error> {
        let site = self.site;
        b.set_provenance(site.primal.clone());
        let results = b.scan(*self.spec, &site.args, self.body.clone());
        b.set_provenance(site.derived.clone());
        let start = b.function().insts().len();
        let count = results.len();
        if self.outputs.is_empty() {
            return Ok(Derived { results, start, tangents: vec![None; count] });
        }
        let mut args = site.args.clone();
        args.extend(site.tangents_or_zeros(b, self.wrt().into_iter()));
        let mut params: Vec<(String, Type)> = named(self.body, self.body.params(), "");
        params.iter_mut().zip(&site.args).for_each(|(param, &arg)| param.1 = b.ty(arg));
        params.extend(self.outputs.iter().map(|&at| ("ct".to_owned(), b.ty(results[at]))));
        let rule = region(b.module(), &site.derived, &params, |b, params| self.reverse(b, params))?;
        let tangents = b.emit_structured(Op::TransposeRule { known: site.args.len() }, &args, &[rule]);
        Ok(Derived { results, start, tangents: at(count, &self.outputs, &tangents) })
    }

    fn wrt(&self) -> Vec<usize> {
        self.consts.iter().chain(&self.carry).chain(&self.xs).copied().collect()
    }

    /// The reverse pass: from the scan's operands and the cotangents of its results to those of the active operands.
    fn reverse(&self, b: &Builder<'_>, params: &[Value]) -> Result<Vec<Value>, Error> {
        let (operands, cts) = params.split_at(self.site.args.len());
        let (consts, rest) = operands.split_at(self.spec.consts);
        let (carry, xs) = rest.split_at(self.spec.carry);
        let (fills, mut rows) = Schedule::new(self.spec.length, self.slots).tables();
        if !self.spec.reverse {
            // Rows are in order of the reverse pass, which then runs from the last position to the first.
            rows.reverse();
        }
        let table = table(b, fills, 4)?;
        let rows = table_of_rows(b, &rows)?;
        let slots: Vec<Value> = carry.iter().map(|&value| self.first_slot(b, value)).collect();
        let (next_cts, ys_cts) = cts.split_at(self.carry.len());
        let sums: Vec<Value> = self.consts.iter().map(|&at| emit::zero(b, &b.ty(operands[at]))).collect();

        let fixed = [consts, xs, &[table]].concat();
        let state = [&slots[..], next_cts, &sums].concat();
        let scanned = [&[rows][..], ys_cts].concat();
        let mut types: Vec<(String, Type)> = Vec::new();
        types.extend(fixed.iter().chain(&state).map(|&value| ("s".to_owned(), b.ty(value))));
        types.extend(scanned.iter().map(|&value| ("s".to_owned(), element_type(&b.ty(value)))));
        let body = region(b.module(), &self.site.derived, &types, |b, params| self.reverse_step(b, params))?;
        let spec = ScanSpec {
            length: self.spec.length,
            consts: fixed.len(),
            carry: state.len(),
            reverse: !self.spec.reverse,
            checkpoint: Checkpointing::Store,
        };
        let found = b.scan(spec, &[fixed, state, scanned].concat(), body);
        let (carry_cts, rest) = found[self.spec.carry..].split_at(self.carry.len());
        let (const_cts, x_cts) = rest.split_at(self.consts.len());
        Ok([const_cts, carry_cts, x_cts].concat())
    }

    /// The slots of a part of the state, with its initial value in slot 0.
    fn first_slot(&self, b: &Builder<'_>, value: Value) -> Value {
        let ty = b.ty(value);
        let mut extents = vec![self.slots];
        extents.extend(ty.shape.extents());
        match Shape::new(&extents) {
            Ok(shape) => {
                let empty = emit::zero(b, &ty.with_shape(shape));
                let zero = number(b, 0);
                store(b, empty, value, zero)
            }
            Err(error) => b.fail("scan", format!("{} slots: {error}", self.slots)),
        }
    }

    /// One step of the reverse pass, from and to the state of [`Revolve::reverse`]'s scan, and the cotangents of this iteration's `xs`.
    fn reverse_step(&self, b: &Builder<'_>, params: &[Value]) -> Result<Vec<Value>, Error> {
        let (consts, rest) = params.split_at(self.spec.consts);
        let (xs, rest) = rest.split_at(self.site.args.len() - self.spec.consts - self.spec.carry);
        let (table, rest) = (rest[0], &rest[1..]);
        let (slots, rest) = rest.split_at(self.spec.carry);
        let (next_cts, rest) = rest.split_at(self.carry.len());
        let (sums, rest) = rest.split_at(self.consts.len());
        let (row, ys_cts) = (rest[0], &rest[1..]);
        let column = |position: usize| b.reshape(b.slice_axis(row, 0, position, position + 1), &Shape::scalar());
        let [first, end, load, from, iteration] = [0, 1, 2, 3, 4].map(column);
        let slots = self.fill(b, consts, xs, (table, first, end), slots)?;
        let state: Vec<Value> = slots.iter().map(|&slot| at_row(b, slot, load)).collect();
        let state = self.advance(b, consts, xs, (from, iteration), &state)?;
        let place = self.position(b, iteration);
        let x: Vec<Value> = xs.iter().map(|&x| at_row(b, x, place)).collect();
        let cts = self.adjoint(b, &[consts, &state, &x].concat(), &[next_cts, ys_cts].concat())?;
        let (const_cts, rest) = cts.split_at(self.consts.len());
        let sums: Vec<Value> = sums.iter().zip(const_cts).map(|(&sum, &ct)| b.add(sum, ct)).collect();
        let (carry_cts, x_cts) = rest.split_at(self.carry.len());
        Ok([&slots, carry_cts, &sums, x_cts].concat())
    }

    /// The position of an iteration on axis 0 of what is scanned over.
    fn position(&self, b: &Builder<'_>, iteration: Value) -> Value {
        if !self.spec.reverse {
            return iteration;
        }
        b.sub(number(b, self.spec.length - 1), iteration)
    }

    /// Fills the slots that rows `first` to `end` of the table say.
    fn fill(
        &self,
        b: &Builder<'_>,
        consts: &[Value],
        xs: &[Value],
        (table, first, end): (Value, Value, Value),
        slots: &[Value],
    ) -> Result<Vec<Value>, Error> {
        let fixed = [consts, xs, &[table, end]].concat();
        let args = [&fixed, &[first][..], slots].concat();
        let params: Vec<(String, Type)> = args.iter().map(|&arg| ("f".to_owned(), b.ty(arg))).collect();
        let count = fixed.len();
        let provenance = &self.site.derived;
        let cond = region(b.module(), provenance, &params, |b, params| {
            Ok(vec![b.compare(Comparison::Lt, params[count], params[count - 1])])
        })?;
        let body = region(b.module(), provenance, &params, |b, params| {
            let (consts, rest) = params.split_at(self.spec.consts);
            let (xs, rest) = rest.split_at(xs.len());
            let (table, next, slots) = (rest[0], rest[2], &rest[3..]);
            let row = at_row(b, table, next);
            let column = |position: usize| b.reshape(b.slice_axis(row, 0, position, position + 1), &Shape::scalar());
            let [load, from, to, target] = [0, 1, 2, 3].map(column);
            let state: Vec<Value> = slots.iter().map(|&slot| at_row(b, slot, load)).collect();
            let state = self.advance(b, consts, xs, (from, to), &state)?;
            let mut results = vec![b.add(next, number(b, 1))];
            results.extend(slots.iter().zip(state).map(|(&slot, value)| store(b, slot, value, target)));
            Ok(results)
        })?;
        let mut found = b.while_loop(WhileSpec { consts: count, bound: Some(self.spec.length) }, &args, cond, body);
        found.remove(0);
        Ok(found)
    }

    /// Runs iterations `from` to before `to` again.
    fn advance(
        &self,
        b: &Builder<'_>,
        consts: &[Value],
        xs: &[Value],
        (from, to): (Value, Value),
        state: &[Value],
    ) -> Result<Vec<Value>, Error> {
        let fixed = [consts, xs, &[to]].concat();
        let args = [&fixed, &[from][..], state].concat();
        let params: Vec<(String, Type)> = args.iter().map(|&arg| ("a".to_owned(), b.ty(arg))).collect();
        let count = fixed.len();
        let provenance = &self.site.derived;
        let cond = region(b.module(), provenance, &params, |b, params| {
            Ok(vec![b.compare(Comparison::Lt, params[count], params[count - 1])])
        })?;
        let body = region(b.module(), provenance, &params, |b, params| {
            let (consts, rest) = params.split_at(self.spec.consts);
            let (xs, rest) = rest.split_at(xs.len());
            let (iteration, state) = (rest[1], &rest[2..]);
            let place = self.position(b, iteration);
            let x: Vec<Value> = xs.iter().map(|&x| at_row(b, x, place)).collect();
            let out = inline(b, self.body, &[consts, state, &x].concat());
            let mut results = vec![b.add(iteration, number(b, 1))];
            results.extend(&out[..self.spec.carry]);
            Ok(results)
        })?;
        let mut found = b.while_loop(WhileSpec { consts: count, bound: Some(self.spec.length) }, &args, cond, body);
        found.remove(0);
        Ok(found)
    }

    /// The cotangents of the body's active parameters, zeros where they do not contribute.
    fn adjoint(&self, b: &Builder<'_>, args: &[Value], cts: &[Value]) -> Result<Vec<Value>, Error> {
        let wrt = self.wrt();
        let parts = split(b.module(), self.body, &wrt, &self.outputs, |_| true)?;
        let out = inline(b, &parts.primal, args);
        let mut values = out.into_iter().skip(self.body.results().len());
        let residuals = parts.residuals.iter().map(|residual| match residual {
            Residual::Param(position) => Some(args[*position]),
            Residual::Value(_) => values.next(),
        });
        let mut known: Vec<Option<Value>> = residuals.collect();
        let count = known.len();
        known.extend(wrt.iter().map(|_| None));
        let cts: Vec<Option<Value>> = cts.iter().map(|&ct| Some(ct)).collect();
        let found = transpose_into(b, &parts.linear, &known, &cts)?;
        let zero = |at: usize| emit::zero(b, &b.ty(args[at]));
        Ok(wrt.iter().zip(&found[count..]).map(|(&at, ct)| ct.unwrap_or_else(|| zero(at))).collect())
    }
}

fn number(b: &Builder<'_>, n: usize) -> Value {
    b.splat(&Type::scalar(DType::I32), n as f64)
}

/// Row `index` of axis 0.
fn at_row(b: &Builder<'_>, x: Value, index: Value) -> Value {
    let shape = b.shape(x);
    let mut extents = shape.extents();
    extents[0] = 1;
    let mut starts = vec![index];
    starts.extend((1..extents.len()).map(|_| number(b, 0)));
    match (Shape::new(&extents), Shape::new(&extents[1..])) {
        (Ok(row), Ok(inner)) => b.reshape(b.dynamic_slice(x, &starts, &row), &inner),
        (Err(error), _) | (_, Err(error)) => b.fail("dynamic_slice", error.to_string()),
    }
}

/// `x` with row `index` of axis 0 replaced.
fn store(b: &Builder<'_>, x: Value, row: Value, index: Value) -> Value {
    let mut extents = b.shape(x).extents();
    extents[0] = 1;
    let mut starts = vec![index];
    starts.extend((1..extents.len()).map(|_| number(b, 0)));
    match Shape::new(&extents) {
        Ok(shape) => b.dynamic_update_slice(x, b.reshape(row, &shape), &starts),
        Err(error) => b.fail("dynamic_update_slice", error.to_string()),
    }
}

fn table(b: &Builder<'_>, mut numbers: Vec<i32>, columns: usize) -> Result<Value, Error> {
    if numbers.is_empty() {
        numbers = vec![0; columns];
    }
    let shape = Shape::new(&[numbers.len() / columns, columns]).map_err(|error| Error::Bug {
        rule: "transpose of scan".into(),
        message: error.to_string(),
        origin: None,
    })?;
    match Literal::dense(shape, Elements::I32(numbers)) {
        Some(literal) => Ok(b.constant(literal)),
        None => Ok(b.fail("constant", "a table with incomplete rows")),
    }
}

fn table_of_rows(b: &Builder<'_>, rows: &[[i32; 5]]) -> Result<Value, Error> {
    table(b, rows.concat(), 5)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Carries the schedule out on slots that hold the number of the iteration whose state they have; gives the iterations run again.
    fn run(length: usize, slots: usize) -> usize {
        let mut held = vec![None; slots];
        held[0] = Some(0);
        let mut advanced = 0;
        for (back, step) in Schedule::new(length, slots).0.iter().enumerate() {
            for fill in &step.fills {
                assert_eq!(held[fill.load], Some(fill.from));
                held[fill.store] = Some(fill.to);
                advanced += fill.to - fill.from;
            }
            assert_eq!(held[step.load], Some(step.from));
            advanced += length - 1 - back - step.from;
        }
        advanced
    }

    #[test]
    fn the_schedule_reverses_every_iteration_from_states_it_holds() {
        for length in 1..60 {
            for slots in 1..12 {
                assert_eq!(Schedule::new(length, slots).0.len(), length);
                run(length, slots);
            }
        }
        assert_eq!(run(10, 1), 45);
        assert_eq!(run(10, 10), 9);
    }

    #[test]
    fn the_schedule_needs_as_few_iterations_as_the_formula_of_griewank_and_walther_says() {
        // With c checkpoints and repetition number r: r l - C(c + r, r - 1) forward steps, where C(c + r - 1, c) < l <= C(c + r, c), plus
        // nothing for the last step before its reversal here; c counts the initial state's slot.
        for (length, slots) in [(10, 3), (20, 3), (56, 3), (100, 5), (1000, 7)] {
            let choose = |n: usize, k: usize| (1..=k).fold(1_usize, |c, i| c * (n - k + i) / i);
            let repeats = (1..).find(|&r| choose(slots + r, slots) >= length).unwrap();
            let optimal = repeats * length - choose(slots + repeats, repeats - 1);
            assert_eq!(run(length, slots), optimal, "{length} iterations, {slots} slots");
        }
    }
}
