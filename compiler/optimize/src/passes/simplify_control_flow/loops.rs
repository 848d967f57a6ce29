//! `scan` and `while`.

use pullback_ir::op::BroadcastSpec;
use pullback_ir::{Builder, Elements, Function, Literal, Op, Scalar, ScanSpec, Shape, Value, WhileSpec};

use super::region::{Known, Outcome, Substitution, known_operands, param_position, replaced, scalar, splat};
use super::splice;

/// What is found out about a loop.
struct Findings {
    /// Of each parameter of the body.
    known: Vec<Known>,
    /// Operands to be added to those that are the same in every iteration.
    added: Vec<Value>,
    outcomes: Vec<Outcome>,
}

impl Findings {
    /// What is known of the operands that are the same in every iteration, and of the state.
    fn new(b: &Builder<'_>, args: &[Value], consts: usize, carry: usize, regions: &[&Function]) -> Self {
        let known = known_operands(b, &args[..consts]);
        let mut findings = Self { known, added: Vec::new(), outcomes: Vec::new() };
        for state in 0..carry {
            let (known, outcome) = findings.state(b, args, consts, state, regions);
            findings.known.push(known);
            findings.outcomes.push(outcome);
        }
        findings
    }

    /// What is known of one value of the state, and of the result it becomes. The body is the last region.
    fn state(
        &mut self,
        b: &Builder<'_>,
        args: &[Value],
        consts: usize,
        state: usize,
        regions: &[&Function],
    ) -> (Known, Outcome) {
        let Some(body) = regions.last() else { return (Known::Parameter, Outcome::Own) };
        let (position, next) = (consts + state, body.results()[state]);
        let init = args[position];
        let initial = splat(&b.function(), init);
        if param_position(body, next) == Some(position) {
            let known = match initial {
                Some(literal) => Known::Constant(literal),
                None if regions.iter().any(|region| is_used(region, position, state)) => {
                    self.constant(args, consts, init)
                }
                // Nothing to say about a parameter that only feeds itself.
                None => Known::Parameter,
            };
            return (known, Outcome::Is(init));
        }
        if let Some(literal) = initial
            && splat(body, next).is_some_and(|next| next == literal)
        {
            return (Known::Constant(literal), Outcome::Is(init));
        }
        let like = |&other: &usize| args[consts + other] == init && body.results()[other] == next;
        match (0..state).find(like) {
            Some(other) => (Known::Same(consts + other), Outcome::Like(other)),
            None => (Known::Parameter, Outcome::Own),
        }
    }

    /// A value that is the same in every iteration, by an operand that it is or an added one.
    fn constant(&mut self, args: &[Value], consts: usize, value: Value) -> Known {
        match args[..consts].iter().position(|&arg| arg == value) {
            Some(position) => Known::Same(position),
            None => Known::Added(self.add(value)),
        }
    }

    fn add(&mut self, value: Value) -> usize {
        self.added.iter().position(|&added| added == value).unwrap_or_else(|| {
            self.added.push(value);
            self.added.len() - 1
        })
    }

    /// The operands with those added.
    fn operands(&self, args: &[Value], consts: usize) -> Vec<Value> {
        let mut operands = args.to_vec();
        operands.splice(consts..consts, self.added.iter().copied());
        operands
    }
}

/// Whether a region uses a parameter for more than to yield it as the state it is.
fn is_used(region: &Function, position: usize, state: usize) -> bool {
    let param = region.params()[position];
    let mut args = region.insts().iter().flat_map(|&inst| region.args(inst));
    let mut yielded = region.results().iter().enumerate();
    args.any(|&arg| arg == param) || yielded.any(|(place, &value)| value == param && place != state)
}

pub(super) fn while_loop(
    b: &Builder<'_>,
    spec: &WhileSpec,
    args: &[Value],
    cond: &Function,
    body: &Function,
) -> Vec<Value> {
    let never = cond.results().first().and_then(|&holds| scalar(cond, holds)) == Some(Scalar::Bool(false));
    if never || spec.bound == Some(0) {
        return args[spec.consts..].to_vec();
    }
    let carry = args.len() - spec.consts;
    let findings = Findings::new(b, args, spec.consts, carry, &[cond, body]);
    let operands = findings.operands(args, spec.consts);
    let Findings { known, added, outcomes } = findings;
    let known = Substitution(known);
    let [cond, body] = [cond, body].map(|region| known.apply(b, region, spec.consts, &added));
    let spec = WhileSpec { consts: spec.consts + added.len(), ..*spec };
    replaced(b.while_loop(spec, &operands, cond, body), &outcomes)
}

pub(super) fn scan(b: &Builder<'_>, spec: &ScanSpec, args: &[Value], body: &Function) -> Vec<Value> {
    match spec.length {
        0 => return none(b, spec, args, body),
        1 => return once(b, spec, args, body),
        _ => {}
    }
    let mut findings = Findings::new(b, args, spec.consts, spec.carry, &[body]);
    for position in spec.consts + spec.carry..args.len() {
        let known = row(b, args, position, spec, &mut findings);
        findings.known.push(known);
    }
    for position in spec.carry..body.results().len() {
        let outcome = stacked(b, spec, args, body, position);
        findings.outcomes.push(outcome);
    }
    let operands = findings.operands(args, spec.consts);
    let Findings { known, added, outcomes } = findings;
    let body = Substitution(known).apply(b, body, spec.consts, &added);
    let spec = ScanSpec { consts: spec.consts + added.len(), ..*spec };
    replaced(b.scan(spec, &operands, body), &outcomes)
}

/// What is known of the rows of an operand.
fn row(b: &Builder<'_>, args: &[Value], position: usize, spec: &ScanSpec, findings: &mut Findings) -> Known {
    let xs = args[position];
    let extents = b.shape(xs).extents();
    let Some(shape) = extents.get(1..).and_then(|row| Shape::new(row).ok()) else { return Known::Parameter };
    if let Some(element) = scalar(&b.function(), xs) {
        return Known::Constant(Literal::splat(element, shape).into());
    }
    if let Some((dims, x)) = repeated(b, xs) {
        let dims: Vec<usize> = dims.iter().map(|dim| dim - 1).collect();
        return Known::Repeated(findings.add(x), BroadcastSpec { shape, dims: dims.into() });
    }
    let first = spec.consts + spec.carry;
    (first..position).find(|&other| args[other] == xs).map_or(Known::Parameter, Known::Same)
}

/// The operand of a broadcast that repeats along axis 0, and the axes that it has there.
fn repeated(b: &Builder<'_>, value: Value) -> Option<(Vec<usize>, Value)> {
    let f = b.function();
    let inst = f.def_inst(value)?;
    match (f.op(inst), f.args(inst)) {
        (Op::Broadcast(spec), &[x]) if spec.dims.first() != Some(&0) => Some((spec.dims.to_vec(), x)),
        _ => None,
    }
}

/// What the stacked result at a position is, if it can be said without the loop.
fn stacked(b: &Builder<'_>, spec: &ScanSpec, args: &[Value], body: &Function, position: usize) -> Outcome {
    let value = body.results()[position];
    let mut extents = vec![spec.length];
    extents.extend(body.ty(value).shape.extents());
    let Ok(shape) = Shape::new(&extents) else { return Outcome::Own };
    if let Some(element) = scalar(body, value) {
        return Outcome::Is(b.constant(Literal::splat(element, shape)));
    }
    if let Some(param) = param_position(body, value) {
        let state = param.checked_sub(spec.consts).filter(|&state| state < spec.carry);
        let unchanged = state.is_none_or(|state| body.results()[state] == value);
        if param >= spec.consts + spec.carry {
            return Outcome::Is(args[param]);
        }
        if unchanged {
            return Outcome::Is(b.broadcast(args[param], &shape, (1..extents.len()).collect::<Vec<_>>()));
        }
    }
    let like = |&other: &usize| body.results()[other] == value;
    (spec.carry..position).find(like).map_or(Outcome::Own, Outcome::Like)
}

/// A scan of no iterations.
fn none(b: &Builder<'_>, spec: &ScanSpec, args: &[Value], body: &Function) -> Vec<Value> {
    let mut results = args[spec.consts..spec.consts + spec.carry].to_vec();
    for &y in &body.results()[spec.carry..] {
        let ty = body.ty(y);
        let mut extents = vec![0];
        extents.extend(ty.shape.extents());
        let empty = Shape::new(&extents).ok().and_then(|shape| Literal::dense(shape, Elements::empty(ty.dtype, 0)));
        results.push(match empty {
            Some(literal) => b.constant(literal),
            None => b.fail("scan", format!("no rows of type {ty}")),
        });
    }
    results
}

/// A scan of one iteration.
fn once(b: &Builder<'_>, spec: &ScanSpec, args: &[Value], body: &Function) -> Vec<Value> {
    let (state, xs) = args.split_at(spec.consts + spec.carry);
    let mut operands = state.to_vec();
    for (&x, &param) in xs.iter().zip(&body.params()[state.len()..]) {
        operands.push(b.reshape(x, &body.ty(param).shape));
    }
    let mut results = splice(b, body, &operands);
    for result in &mut results[spec.carry..] {
        let mut extents = vec![1];
        extents.extend(b.shape(*result).extents());
        if let Ok(shape) = Shape::new(&extents) {
            *result = b.reshape(*result, &shape);
        }
    }
    results
}
