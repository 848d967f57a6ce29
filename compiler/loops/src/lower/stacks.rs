//! States of a loop that are a stack's rows.
//!
//! A loop whose derivative is taken stacks, among other things, the state that each iteration began with. A state with a place of its own would be copied to
//! the stack each time. So the place of the state moves instead: an iteration finds it in one row of the stack and leaves the next in the row behind, of which
//! there is one more than iterations. A row has room for the whole state, also where the stack is of its first elements alone.
//!
//! Only where the stack is touched by loops alone, row by row, the state is too large to stay in registers (see [`promote`](mod@crate::promote)), and most of it is stacked, so that
//! the stack grows to twice its size at most. And only where the body consists of loops and concatenations: a product or a call to the runtime must not store to the buffer that it reads,
//! whatever the rows.

use cranelift_entity::EntitySet;
use pullback_ir::{Function, Inst, Op, Value};
use pullback_optimize::fuse::{Plan, RegionKind};

use super::buffers::{Buffers, Location, Names, Places, root};
use super::layout::{apart, touched_whole};
use crate::program::{Affine, Program, Space};

/// The bytes of a state from which on copying it takes longer than what else there is to a row.
const LARGE: usize = 2048;

/// The most elements of a stack: its size in bytes has to be a number.
const MAX_ELEMENTS: usize = 1 << 48;

/// A state whose place is the row of a stack.
pub(super) struct Stacked {
    /// The loop.
    inst: Inst,
    /// Which of its states.
    carry: usize,
    /// The state after the last iteration, and the stack.
    last: Value,
    pub(super) stack: Value,
    /// How many rows there are, without the additional one; and elements from one to the next.
    length: usize,
    apart: i64,
    reverse: bool,
}

impl Stacked {
    /// The states of a function's loops that are rows of stacks.
    pub(super) fn all(function: &Function, plan: &Plan) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        let mut whole = None;
        for &inst in function.insts() {
            let Op::Scan(spec) = function.op(inst) else { continue };
            let Some([body]) = plan.nested.get(&inst).map(Vec::as_slice) else { continue };
            let (results, inner) = (function.inst_results(inst), &body.function);
            for (&stack, &element) in results.iter().zip(inner.results()).skip(spec.carry) {
                let Some(param) = beginning_of(inner, root(inner, element)) else { continue };
                let Some(carry) = param.checked_sub(spec.consts).filter(|&carry| carry < spec.carry) else { continue };
                let next = root(inner, inner.results()[carry]);
                let (last, ty) = (results[carry], function.ty(results[carry]));
                let is_new = inner.def_inst(next).is_some() && found.iter().all(|other| other.last != last);
                let whole = whole.get_or_insert_with(|| touched_whole(function));
                let is_most = 2 * inner.ty(element).elements() >= ty.elements();
                if is_new
                    && is_most
                    && is_simple(&body.plan, inner)
                    && spec.length > 1
                    && room(spec.length, apart(ty.dtype, ty.elements())).is_some()
                    && ty.elements() * ty.dtype.bytes() >= LARGE
                    && plan.stored.contains(stack)
                    && plan.stored.contains(last)
                    && !whole.contains(stack)
                {
                    let (length, apart, reverse) = (spec.length, apart(ty.dtype, ty.elements()), spec.reverse);
                    found.push(Self { inst, carry, last, stack, length, apart, reverse });
                }
            }
        }
        found
    }

    /// The state's place during the iteration that counts the row `at`, and behind it; the stack is at `stack`.
    pub(super) fn rows(&self, stack: &Location, at: &Affine) -> (Location, Location) {
        let Location { buffer, ref offset } = *stack;
        let now = offset.plus(at, self.apart);
        let next = now.plus_constant(if self.reverse { -self.apart } else { self.apart });
        (Location { buffer, offset: now }, Location { buffer, offset: next })
    }

    /// Whether it is this state of this loop.
    pub(super) fn is(&self, inst: Inst, carry: usize) -> bool {
        (self.inst, self.carry) == (inst, carry)
    }
}

/// The elements of a stack with so many rows and one behind them, so far apart.
fn room(length: usize, apart: i64) -> Option<usize> {
    let apart = usize::try_from(apart).ok()?;
    length.checked_add(1)?.checked_mul(apart).filter(|&elements| elements < MAX_ELEMENTS)
}

/// Whether all regions of a body are loops over positions, or put vectors together.
fn is_simple(plan: &Plan, body: &Function) -> bool {
    plan.regions.iter().all(|region| match region.kind {
        RegionKind::Loop => true,
        RegionKind::Assemble(inst) => matches!(body.op(inst), Op::Concatenate { .. }),
        RegionKind::Contraction(_) | RegionKind::Control(_) => false,
    })
}

impl Buffers {
    /// Gives the stacks whose rows are states their places. Gives the values whose places are not to be changed.
    pub(super) fn place_stacks(
        &mut self,
        function: &Function,
        plan: &Plan,
        (names, program): (&mut Names, &mut Program),
    ) -> EntitySet<Value> {
        let mut placed = EntitySet::new();
        self.stacks = Stacked::all(function, plan);
        for stacked in &self.stacks {
            let &Stacked { last, stack, length, apart, reverse, .. } = stacked;
            let buffer = names.buffer_for(function, program, stack, Space::Arena(0));
            program.buffers[buffer].elements = (length + 1) * apart as usize;
            let (first, behind) = (Affine::default(), Affine::constant(length as i64 * apart));
            let (at, end) = if reverse { (Affine::constant(apart), first) } else { (first, behind) };
            self.of[stack] = Some(Location { buffer, offset: at });
            self.of[last] = Some(Location { buffer, offset: end });
            let strides = function.ty(stack).shape.strides().into_iter().map(|stride| stride as i64);
            self.strides[stack] = std::iter::once(apart).chain(strides.skip(1)).collect();
            placed.extend([last, stack]);
        }
        placed
    }

    /// Finds the results that are the first elements of a parameter and returned in its very place: nobody has to store them.
    pub(super) fn keep_beginnings(&mut self, function: &Function, plan: &Plan, places: &Places) -> EntitySet<Value> {
        let mut kept = EntitySet::new();
        for (&result, place) in function.results().iter().zip(&places.results) {
            let value = root(function, result);
            let of_param = function.def_inst(value).and_then(|_| beginning_of(function, value));
            let regions = plan.regions.iter().enumerate();
            let is_alone = |(number, _)| !plan.tiles.iter().any(|group| group.regions.contains(&number));
            let mut stores = regions.filter(|(_, region)| region.outputs.contains(&value));
            if of_param.is_some_and(|param| places.params[param] == *place)
                && stores.next().is_some_and(|found| found.1.kind == RegionKind::Loop && is_alone(found))
            {
                self.of[value] = Some(place.clone());
                kept.insert(value);
            }
        }
        kept
    }
}

/// The position of the parameter of which a value is the first elements, or all.
fn beginning_of(function: &Function, value: Value) -> Option<usize> {
    let of = match function.def_inst(value) {
        None => value,
        Some(inst) => {
            let Op::Slice(spec) = function.op(inst) else { return None };
            let operand = *function.args(inst).first()?;
            let rows = spec.limit.iter().zip(function.ty(operand).shape.extents());
            let begins = spec.start.iter().all(|&start| start == 0) && spec.stride.iter().all(|&stride| stride == 1);
            if !begins || rows.skip(1).any(|(&limit, extent)| limit != extent) {
                return None;
            }
            root(function, operand)
        }
    };
    function.params().iter().position(|&param| param == of)
}
