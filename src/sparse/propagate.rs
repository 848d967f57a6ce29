//! Which parameter elements each element depends on.
//!
//! A value is a tensor of set numbers (see [`Sets`]), and, where it is an integer or truth value that can be computed from what is known, its value. Operations that only
//! move elements are run by the interpreter on the set numbers themselves, so that there is one place that knows where elements go. Others unite: elementwise operations position by
//! position, reductions and products along axes. What is not known better depends on everything: an over-approximation is still a pattern.

use std::collections::HashMap;

use pullback_interp::{Array, evaluate_op, evaluate_results};
use pullback_ir::op::Derivative;
use pullback_ir::{DType, Elements, Function, GatherSpec, Inst, Op, Shape, Type, Value};

use super::pattern::SparsityPattern;
use super::sets::{Set, Sets};
use crate::error::Error;

/// The longest loop that is followed iteration by iteration.
const MAX_ITERATIONS: usize = 1 << 20;

/// What is known of a value.
#[derive(Clone)]
struct Fact {
    shape: Shape,
    sets: Vec<Set>,
    known: Option<Array>,
}

pub(super) fn pattern(function: &Function, wrt: &[usize], inputs: &[Option<Array>]) -> Result<SparsityPattern, Error> {
    let mut propagation = Propagation { sets: Sets::new() };
    let mut columns = 0_usize;
    let mut starts = vec![None; function.params().len()];
    for &index in wrt {
        starts[index] = Some(columns);
        columns += function.ty(function.params()[index]).elements();
    }
    let limit = u32::try_from(columns).map_err(|_| Error::Limit(format!("a Jacobian of {columns} columns")))?;
    let mut facts = Vec::with_capacity(inputs.len());
    for ((&param, input), start) in function.params().iter().zip(inputs).zip(starts) {
        let ty = function.ty(param);
        let sets = match start {
            Some(start) => (start..start + ty.elements())
                .map(|column| propagation.sets.single(u32::try_from(column).unwrap_or(limit)))
                .collect(),
            None => vec![0; ty.elements()],
        };
        let known = if start.is_none() { input.clone() } else { None };
        facts.push(Fact { shape: ty.shape.clone(), sets, known });
    }
    let results = propagation.run(function, facts)?;
    let floats = function.result_types().zip(&results).filter(|(ty, _)| ty.dtype.is_float());
    let rows = floats.flat_map(|(_, fact)| &fact.sets);
    Ok(SparsityPattern::new(columns, rows.map(|&set| propagation.sets.columns(set))))
}

struct Propagation {
    sets: Sets,
}

impl Propagation {
    fn run(&mut self, function: &Function, inputs: Vec<Fact>) -> Result<Vec<Fact>, Error> {
        let mut facts: HashMap<Value, Fact> = function.params().iter().copied().zip(inputs).collect();
        for &inst in function.insts() {
            let args: Option<Vec<Fact>> = function.args(inst).iter().map(|arg| facts.get(arg).cloned()).collect();
            let args = args.ok_or_else(|| Error::Bug("a value is used before it is defined".into()))?;
            let results = self.instruction(function, inst, &args)?;
            facts.extend(function.inst_results(inst).iter().copied().zip(results));
        }
        let results: Option<Vec<Fact>> = function.results().iter().map(|result| facts.get(result).cloned()).collect();
        results.ok_or_else(|| Error::Bug("a value is returned before it is defined".into()))
    }

    fn instruction(&mut self, function: &Function, inst: Inst, args: &[Fact]) -> Result<Vec<Fact>, Error> {
        let op = function.op(inst);
        let types: Vec<&Type> = function.inst_results(inst).iter().map(|&result| function.ty(result)).collect();
        if !function.inst_regions(inst).is_empty() {
            return self.control(op, &function.region_functions(inst), args, &types);
        }
        let known = known_results(op, args, &types)?;
        let dependent = args.iter().any(|arg| arg.sets.iter().any(|&set| set != 0));
        let float = types.iter().any(|ty| ty.dtype.is_float());
        let smooth = !matches!(op.info().derivative, Derivative::None | Derivative::Zero);
        let sets = if dependent && float && smooth {
            self.sets_of(op, args, &types)?
        } else {
            types.iter().map(|ty| vec![0; ty.elements()]).collect()
        };
        let facts = types.iter().zip(sets).zip(known).map(|((ty, sets), known)| {
            // Only floating-point elements depend on anything.
            let sets = if ty.dtype.is_float() { sets } else { vec![0; ty.elements()] };
            Fact { shape: ty.shape.clone(), sets, known }
        });
        Ok(facts.collect())
    }

    /// The sets of the results of an operation without regions.
    fn sets_of(&mut self, op: &Op, args: &[Fact], types: &[&Type]) -> Result<Vec<Vec<Set>>, Error> {
        match op {
            Op::Barrier => Ok(args.iter().map(|arg| arg.sets.clone()).collect()),
            Op::Select if args[0].known.is_some() => moved(op, args, types[0], 1),
            Op::Convert(_) => Ok(vec![args[0].sets.clone()]),
            _ if op.is_elementwise() => {
                let each = |at: usize| args.iter().map(move |arg| arg.sets[at]);
                Ok(vec![(0..types[0].elements()).map(|at| self.sets.union_all(each(at))).collect()])
            }
            Op::Broadcast(_)
            | Op::Reshape(_)
            | Op::Transpose(_)
            | Op::Reverse(_)
            | Op::Slice(_)
            | Op::Pad(_)
            | Op::Concatenate { .. }
            | Op::Windows(_) => moved(op, args, types[0], args.len()),
            Op::DynamicSlice(_) | Op::Gather(_) if all_known(&args[1..]) => moved(op, args, types[0], 1),
            Op::DynamicUpdateSlice if all_known(&args[2..]) => moved(op, args, types[0], 2),
            Op::Reduce { axes, .. } => Ok(vec![self.along(&args[0], axes)]),
            Op::Dot(dims) => {
                let left = self.along(&args[0], &dims.lhs_contract);
                let right = self.along(&args[1], &dims.rhs_contract);
                Ok(vec![self.outer(dims, (&args[0], &left), (&args[1], &right))])
            }
            Op::Cumulative { axis, reverse, .. } => Ok(vec![self.prefixes(&args[0], *axis, *reverse)]),
            Op::Scatter { dims, .. } if all_known(&args[1..2]) => {
                let spec =
                    GatherSpec { sizes: window_sizes(&args[0].shape, &args[2].shape, dims), dims: (**dims).clone() };
                let places = targets(&args[0].shape, &Op::Gather(Box::new(spec)), &args[1..2], &args[2].shape)?;
                Ok(vec![self.added(args[0].sets.clone(), &places, &args[2].sets)])
            }
            Op::OverlapAdd { spec, shape } => {
                let places = targets(shape, &Op::Windows(spec.clone()), &[], &args[0].shape)?;
                Ok(vec![self.added(vec![0; shape.elements()], &places, &args[0].sets)])
            }
            Op::Sort { axis, .. } => {
                let mut lines = Vec::with_capacity(args.len());
                for arg in args {
                    let each = self.along(arg, &[*axis]);
                    lines.push(spread(&each, &arg.shape, *axis));
                }
                Ok(lines)
            }
            // Every element depends on every other: sound, if coarse.
            _ => {
                let all = self.sets.union_all(args.iter().flat_map(|arg| &arg.sets).copied());
                Ok(types.iter().map(|ty| vec![all; ty.elements()]).collect())
            }
        }
    }

    /// The unions along axes, one for each position of the others.
    fn along(&mut self, x: &Fact, axes: &[usize]) -> Vec<Set> {
        let extents = x.shape.extents();
        let kept: Vec<usize> = (0..extents.len()).filter(|axis| !axes.contains(axis)).collect();
        let count = kept.iter().map(|&axis| extents[axis]).product();
        let mut lists: Vec<Vec<Set>> = vec![Vec::new(); count];
        for (at, &set) in x.sets.iter().enumerate() {
            let position = position(at, &extents);
            let place = kept.iter().fold(0, |place, &axis| place * extents[axis] + position[axis]);
            if lists[place].last() != Some(&set) {
                lists[place].push(set);
            }
        }
        lists.into_iter().map(|list| self.sets.union_all(list.into_iter())).collect()
    }

    /// The unions of a row's set and a column's, over batch, free axes of the left and of the right operand.
    fn outer(&mut self, dims: &pullback_ir::DotDims, x: (&Fact, &[Set]), y: (&Fact, &[Set])) -> Vec<Set> {
        // What `along` left of an operand has its axes in order: strides of batch and free axes in it.
        let strides = |fact: &Fact, contract: &[usize]| {
            let extents = fact.shape.extents();
            let mut strides = vec![0; extents.len()];
            let mut stride = 1;
            for axis in (0..extents.len()).rev().filter(|axis| !contract.contains(axis)) {
                strides[axis] = stride;
                stride *= extents[axis];
            }
            strides
        };
        let (xs, ys) = (strides(x.0, &dims.lhs_contract), strides(y.0, &dims.rhs_contract));
        let (x_extents, y_extents) = (x.0.shape.extents(), y.0.shape.extents());
        let batch = dims.lhs_batch.iter().zip(dims.rhs_batch.iter()).map(|(&a, &b)| (x_extents[a], xs[a], ys[b]));
        let left = dims.lhs_free(x_extents.len()).into_iter().map(|axis| (x_extents[axis], xs[axis], 0));
        let right = dims.rhs_free(y_extents.len()).into_iter().map(|axis| (y_extents[axis], 0, ys[axis]));
        let axes: Vec<(usize, usize, usize)> = batch.chain(left).chain(right).collect();
        let extents: Vec<usize> = axes.iter().map(|axis| axis.0).collect();
        let count: usize = extents.iter().product();
        let mut sets = Vec::with_capacity(count);
        for at in 0..count {
            let position = position(at, &extents);
            let places = position.iter().zip(&axes).fold((0, 0), |(a, b), (&p, axis)| (a + p * axis.1, b + p * axis.2));
            sets.push(self.sets.union(x.1[places.0], y.1[places.1]));
        }
        sets
    }

    fn prefixes(&mut self, x: &Fact, axis: usize, reverse: bool) -> Vec<Set> {
        let extents = x.shape.extents();
        let stride: usize = extents[axis + 1..].iter().product();
        let mut sets = x.sets.clone();
        let order: Box<dyn Iterator<Item = usize>> =
            if reverse { Box::new((0..sets.len()).rev()) } else { Box::new(0..sets.len()) };
        for at in order {
            let along = at / stride % extents[axis];
            if reverse && along + 1 < extents[axis] {
                sets[at] = self.sets.union(sets[at], sets[at + stride]);
            } else if !reverse && along > 0 {
                sets[at] = self.sets.union(sets[at], sets[at - stride]);
            }
        }
        sets
    }

    /// The sets with those of updates added at places, counted from 1; 0 is nowhere.
    fn added(&mut self, mut sets: Vec<Set>, places: &[i64], updates: &[Set]) -> Vec<Set> {
        for (&place, &update) in places.iter().zip(updates) {
            if let Some(set) = usize::try_from(place - 1).ok().and_then(|place| sets.get_mut(place)) {
                *set = self.sets.union(*set, update);
            }
        }
        sets
    }

    fn control(&mut self, op: &Op, regions: &[Function], args: &[Fact], types: &[&Type]) -> Result<Vec<Fact>, Error> {
        match (op, regions) {
            (Op::Scan(spec), [body]) => self.scan(spec, body, args, types),
            (Op::While(spec), [cond, body]) => self.while_loop(spec, cond, body, args),
            (Op::Cond | Op::Switch, branches) => {
                let count = branches.len();
                let taken = args[0].known.as_ref().and_then(first).map(|selector| match op {
                    Op::Cond => usize::from(selector == 0.0),
                    _ => (selector.max(0.0) as usize).min(count - 1),
                });
                if let Some(taken) = taken {
                    return self.run(&branches[taken], args[1..].to_vec());
                }
                let mut results: Option<Vec<Fact>> = None;
                for branch in branches {
                    let found = self.run(branch, args[1..].to_vec())?;
                    results = Some(match results {
                        None => found,
                        Some(before) => before.iter().zip(&found).map(|(x, y)| self.joined(x, y)).collect(),
                    });
                }
                Ok(results.unwrap_or_default())
            }
            (Op::Checkpoint, [body]) => self.run(body, args.to_vec()),
            (Op::CustomDerivative(_), [primal, _]) => {
                // The user's rule says what the derivative is, and need not have the pattern of the primal's.
                let all = self.sets.union_all(args.iter().flat_map(|arg| &arg.sets).copied());
                let results = self.run(primal, args.to_vec())?;
                let each = results.into_iter().zip(types).map(|(fact, ty)| {
                    let set = if ty.dtype.is_float() { all } else { 0 };
                    Fact { sets: vec![set; ty.elements()], ..fact }
                });
                Ok(each.collect())
            }
            (_, _) => {
                let all = self.sets.union_all(args.iter().flat_map(|arg| &arg.sets).copied());
                let fact = |ty: &&Type| Fact { shape: ty.shape.clone(), sets: vec![all; ty.elements()], known: None };
                Ok(types.iter().map(fact).collect())
            }
        }
    }

    fn scan(
        &mut self,
        spec: &pullback_ir::ScanSpec,
        body: &Function,
        args: &[Fact],
        types: &[&Type],
    ) -> Result<Vec<Fact>, Error> {
        if spec.length > MAX_ITERATIONS {
            return Err(Error::Limit(format!("a scan of {} iterations, at most {MAX_ITERATIONS}", spec.length)));
        }
        let state = spec.consts..spec.consts + spec.carry;
        let mut carry = args[state.clone()].to_vec();
        let mut stacked: Vec<Vec<Set>> = types[spec.carry..].iter().map(|ty| vec![0; ty.elements()]).collect();
        for step in 0..spec.length {
            let at = if spec.reverse { spec.length - 1 - step } else { step };
            let mut inputs = args[..state.start].to_vec();
            inputs.append(&mut carry);
            for xs in &args[state.end..] {
                inputs.push(row(xs, at)?);
            }
            let mut results = self.run(body, inputs)?;
            let ys = results.split_off(spec.carry);
            carry = results;
            for (stack, y) in stacked.iter_mut().zip(ys) {
                stack[at * y.sets.len()..(at + 1) * y.sets.len()].copy_from_slice(&y.sets);
            }
        }
        let ys = types[spec.carry..].iter().zip(stacked);
        carry.extend(ys.map(|(ty, sets)| Fact { shape: ty.shape.clone(), sets, known: None }));
        Ok(carry)
    }

    /// Follows iterations while the condition is known; from there on, until nothing changes, any number of them may run.
    fn while_loop(
        &mut self,
        spec: &pullback_ir::WhileSpec,
        cond: &Function,
        body: &Function,
        args: &[Fact],
    ) -> Result<Vec<Fact>, Error> {
        let consts = args[..spec.consts].to_vec();
        let mut carry = args[spec.consts..].to_vec();
        for _ in 0..spec.bound.unwrap_or(MAX_ITERATIONS).min(MAX_ITERATIONS) {
            let inputs: Vec<Fact> = consts.iter().chain(&carry).cloned().collect();
            let go = self.run(cond, inputs.clone())?;
            match go.first().and_then(|go| go.known.as_ref()).and_then(first) {
                Some(0.0) => return Ok(carry),
                Some(_) => carry = self.run(body, inputs)?,
                None => {
                    let next = self.run(body, inputs)?;
                    let joined: Vec<Fact> = carry.iter().zip(&next).map(|(x, y)| self.joined(x, y)).collect();
                    let settled = joined
                        .iter()
                        .zip(&carry)
                        .all(|(x, y)| x.sets == y.sets && x.known.is_some() == y.known.is_some());
                    carry = joined;
                    if settled {
                        return Ok(carry);
                    }
                }
            }
        }
        match spec.bound {
            Some(bound) if bound <= MAX_ITERATIONS => Ok(carry),
            _ => Err(Error::Limit(format!("a while that runs more than {MAX_ITERATIONS} times"))),
        }
    }

    /// What holds of either.
    fn joined(&mut self, x: &Fact, y: &Fact) -> Fact {
        let sets = x.sets.iter().zip(&y.sets).map(|(&a, &b)| self.sets.union(a, b)).collect();
        let same = matches!((&x.known, &y.known), (Some(a), Some(b)) if a.to_f64() == b.to_f64());
        Fact { shape: x.shape.clone(), sets, known: if same { x.known.clone() } else { None } }
    }
}

fn all_known(args: &[Fact]) -> bool {
    args.iter().all(|arg| arg.known.is_some())
}

/// The values of integer and truth-value results whose operands are all known.
fn known_results(op: &Op, args: &[Fact], types: &[&Type]) -> Result<Vec<Option<Array>>, Error> {
    let wanted = types.iter().any(|ty| !ty.dtype.is_float()) || args.iter().all(|arg| arg.known.is_some());
    let known: Option<Vec<&Array>> = args.iter().map(|arg| arg.known.as_ref()).collect();
    match known {
        Some(known) if wanted => {
            let types: Vec<Type> = types.iter().map(|&ty| ty.clone()).collect();
            let results = evaluate_results(op, &known, &types).map_err(|error| Error::Limit(error.to_string()))?;
            Ok(results.into_iter().map(Some).collect())
        }
        _ => Ok(vec![None; types.len()]),
    }
}

fn numbers(shape: &Shape, sets: &[Set]) -> Result<Array, Error> {
    Array::new(shape.clone(), Elements::I64(sets.to_vec())).map_err(|error| Error::Bug(error.to_string()))
}

/// Runs an operation that moves elements on set numbers: the first `moving` operands move, `select`'s first decides.
fn moved(op: &Op, args: &[Fact], ty: &Type, moving: usize) -> Result<Vec<Vec<Set>>, Error> {
    let mut operands = Vec::with_capacity(args.len());
    for (position, arg) in args.iter().enumerate() {
        let moves = if *op == Op::Select { position > 0 } else { position < moving };
        match (moves, &arg.known) {
            (false, Some(known)) => operands.push(known.clone()),
            (_, _) => operands.push(numbers(&arg.shape, &arg.sets)?),
        }
    }
    let operands: Vec<&Array> = operands.iter().collect();
    let found =
        evaluate_op(op, &operands, &ty.with_dtype(DType::I64)).map_err(|error| Error::Bug(error.to_string()))?;
    Ok(vec![integers(&found)])
}

fn integers(array: &Array) -> Vec<i64> {
    array.to_f64().into_iter().map(|x| x as i64).collect()
}

/// For each element that a view of a tensor of this shape picks, its place counted from 1; 0 is nowhere.
fn targets(shape: &Shape, view: &Op, indices: &[Fact], picked: &Shape) -> Result<Vec<i64>, Error> {
    let places: Vec<i64> = (1..=shape.elements() as i64).collect();
    let places = numbers(shape, &places)?;
    let mut operands = vec![&places];
    operands.extend(indices.iter().filter_map(|fact| fact.known.as_ref()));
    let ty = Type { dtype: DType::I64, shape: picked.clone() };
    let found = evaluate_op(view, &operands, &ty).map_err(|error| Error::Bug(error.to_string()))?;
    Ok(integers(&found))
}

/// The window of a scatter on each axis of its operand.
fn window_sizes(operand: &Shape, updates: &Shape, dims: &pullback_ir::WindowDims) -> Box<[usize]> {
    let mut windows = dims.offset.iter().filter_map(|&axis| updates.extent(axis));
    let left_out = |axis: &usize| dims.collapsed.contains(axis) || dims.operand_batch.contains(axis);
    (0..operand.rank()).map(|axis| if left_out(&axis) { 1 } else { windows.next().unwrap_or(1) }).collect()
}

/// One element of each line along an axis, everywhere on the line.
fn spread(lines: &[Set], shape: &Shape, axis: usize) -> Vec<Set> {
    let extents = shape.extents();
    let inner: usize = extents[axis + 1..].iter().product();
    (0..shape.elements()).map(|at| lines[at / (inner * extents[axis]) * inner + at % inner]).collect()
}

/// Position `at` on axis 0.
fn row(xs: &Fact, at: usize) -> Result<Fact, Error> {
    let extents = xs.shape.extents();
    let shape = Shape::new(&extents[1..]).map_err(|error| Error::Bug(error.to_string()))?;
    let count = shape.elements();
    let sets = xs.sets[at * count..(at + 1) * count].to_vec();
    let known = xs.known.as_ref().and_then(|array| {
        let elements: Option<Vec<_>> = (at * count..(at + 1) * count).map(|at| array.get(at)).collect();
        Array::new(shape.clone(), Elements::from_scalars(array.dtype(), &elements?)?).ok()
    });
    Ok(Fact { shape, sets, known })
}

/// The first element as a number.
fn first(array: &Array) -> Option<f64> {
    array.get(0).map(pullback_ir::Scalar::to_f64)
}

/// The position of an element in row-major order.
fn position(mut at: usize, extents: &[usize]) -> Vec<usize> {
    let mut position = vec![0; extents.len()];
    for axis in (0..extents.len()).rev() {
        position[axis] = at % extents[axis];
        at /= extents[axis];
    }
    position
}
