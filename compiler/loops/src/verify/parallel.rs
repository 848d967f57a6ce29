//! Parallel loops: no iteration touches what another stores.
//!
//! Generated code runs iterations on several threads without locks, so freedom from data races rests on this file.
//!
//! The rule, for a parallel loop with the counter `p` of `n` values and a buffer that it stores to and that is not its workers' own: every access in the
//! loop is at `c·p + o + r`. The factor `c` is the same in all, and so are the terms `o` of counters around the loop. The rest `r`, over all
//! iterations of what is inside, lanes, matrices (packed ones with all of their strips) and views included, stays within fewer than `|c|` positions: so an iteration has a block of its own.
//!
//! Blocks may also be columns, as in `64·p + 1024·row + column`. Terms of `r` with a factor of at least `|c|` are therefore taken modulo the greatest
//! common divisor `d` of such factors. All blocks together have to stay within `d` positions then: so the position modulo `d` tells the iteration. Distances between
//! accesses are taken in the same way: those of arrays that lie one behind the other in a buffer, of each of which an iteration has a block.
//!
//! A loop with one iteration or none has nothing to meet. A parallel loop inside another keeps the rule as well, though one thread runs it. Buffers that are touched
//! inside the loop and nowhere else hold nothing between iterations; those in the workers' own memory are exempt, those in the arena are not.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::Checker;
use crate::memory::Timeline;
use crate::program::{
    Affine, Buffer, Expr, Gemm, Index, Kernel, Matrix, Packed, Place, Program, Rhs, Space, Stmt, packed_elements,
};
use crate::step::{Loop, Step};
use crate::{call, program};

/// Whether the iterations of a loop of `program` may run in any order and at once, whatever the loop says of itself. `is_local` tells of a buffer whether
/// it is touched in this loop and nowhere else, so that each worker can have its own; what it does not hold for has to be cut into a block for each iteration.
///
/// The loop need not be part of the program yet; its buffers, counters and variables are.
#[must_use]
pub fn can_run_in_parallel(program: &Program, inner: &Loop, is_local: impl Fn(Buffer) -> bool) -> bool {
    let touches = Touches::of(program, inner);
    let mut shared = touches.stored().filter(|&(buffer, _)| !is_local(buffer));
    shared.all(|(_, list)| touches.conflict(inner, list).is_none())
}

impl<'a> Checker<'a> {
    /// Checks all parallel loops of a program that breaks no rule of single statements.
    pub(super) fn check_parallel(&mut self, timeline: &Timeline) {
        let program = self.program;
        self.parallel_in(&program.body, timeline, &mut 0);
    }

    fn parallel_in(&mut self, steps: &'a [Step], timeline: &Timeline, event: &mut usize) {
        for step in steps {
            match step {
                Step::Kernel(_) => *event += 1,
                Step::Loop(inner) => {
                    let start = *event;
                    self.parallel_in(&inner.body, timeline, event);
                    if inner.parallel {
                        self.check_iterations(inner, timeline, start, *event);
                    }
                }
                Step::While(inner) => {
                    self.parallel_in(&inner.before, timeline, event);
                    *event += 1;
                    self.parallel_in(&inner.body, timeline, event);
                }
                Step::Branch(inner) => {
                    *event += 1;
                    inner.cases.iter().for_each(|case| self.parallel_in(case, timeline, event));
                }
            }
        }
    }

    fn check_iterations(&mut self, inner: &'a Loop, timeline: &Timeline, start: usize, end: usize) {
        let program = self.program;
        let touches = Touches::of(program, inner);
        for (buffer, list) in touches.stored() {
            let data = &program.buffers[buffer];
            let within = timeline.lifetimes[buffer].is_some_and(|(first, last)| first >= start && last < end);
            if matches!(data.space, Space::Local(_)) && within {
                continue;
            }
            if let Some((touch, problem)) = touches.conflict(inner, list) {
                (self.kernel, self.stmt) = (touch.kernel, touch.stmt);
                self.report(format!("iterations of a parallel loop meet in %{}: {problem}", data.name));
                (self.kernel, self.stmt) = (None, None);
            }
        }
    }
}

/// An access: the elements at `index`, and those that steps of each stride lead to from there, the given number of times at most.
struct Touch<'a> {
    index: &'a Affine,
    steps: SmallVec<[(i64, i64); 2]>,
    stores: bool,
    kernel: Option<&'a Kernel>,
    stmt: Option<&'a Stmt>,
}

/// All accesses in a loop.
struct Touches<'a> {
    program: &'a Program,
    by_buffer: BTreeMap<Buffer, Vec<Touch<'a>>>,
    /// For each counter inside the loop the largest value.
    last: BTreeMap<Index, i64>,
    kernel: Option<&'a Kernel>,
    stmt: Option<&'a Stmt>,
}

impl<'a> Touches<'a> {
    fn of(program: &'a Program, inner: &'a Loop) -> Self {
        let mut touches = Self { program, by_buffer: BTreeMap::new(), last: BTreeMap::new(), kernel: None, stmt: None };
        // One iteration meets nobody.
        if inner.extent > 1 {
            touches.steps(&inner.body);
        }
        touches
    }

    /// The buffers that something is stored to, with all accesses of each.
    fn stored(&self) -> impl Iterator<Item = (Buffer, &[Touch<'a>])> {
        let all = self.by_buffer.iter().map(|(&buffer, list)| (buffer, &list[..]));
        all.filter(|(_, list)| list.iter().any(|touch| touch.stores))
    }

    fn steps(&mut self, steps: &'a [Step]) {
        for step in steps {
            match step {
                Step::Kernel(kernel) => {
                    self.kernel = Some(kernel);
                    self.statements(&kernel.body);
                    (self.kernel, self.stmt) = (None, None);
                }
                Step::Loop(inner) => {
                    self.last.insert(inner.index, inner.extent - 1);
                    if inner.extent > 0 {
                        self.steps(&inner.body);
                    }
                }
                Step::While(inner) => {
                    if inner.bound != Some(0) {
                        self.steps(&inner.before);
                        self.place(&inner.condition, 1, false);
                        self.steps(&inner.body);
                    }
                }
                Step::Branch(inner) => {
                    self.place(&inner.selector, 1, false);
                    inner.cases.iter().for_each(|case| self.steps(case));
                }
            }
        }
    }

    fn statements(&mut self, stmts: &'a [Stmt]) {
        for stmt in stmts {
            self.stmt = Some(stmt);
            let lanes = |var: program::Var| self.program.vars.get(var).map_or(1, |ty| ty.lanes);
            match stmt {
                Stmt::Let(var, Expr::Load(place)) => self.place(place, lanes(*var), false),
                Stmt::Let(_, _) => {}
                Stmt::Store(place, var) => self.place(place, lanes(*var), true),
                Stmt::For(inner) => {
                    self.last.insert(inner.index, inner.extent - inner.step);
                    if inner.extent > 0 {
                        self.statements(&inner.body);
                    }
                }
                Stmt::Gemm(gemm) => self.gemm(gemm),
                Stmt::Pack(pack) => {
                    self.matrix(&pack.from, pack.k, pack.n, false);
                    self.packed(&pack.to, pack.k, pack.n, true);
                }
                Stmt::Bind(bind) => {
                    self.last.insert(bind.index, bind.extent - 1);
                }
                Stmt::If(inner) => self.statements(&inner.body),
                Stmt::Call(call) => {
                    for (view, access) in call.operands() {
                        let axes = view.axes.iter().map(|axis| (axis.stride, axis.extent)).collect();
                        self.rectangle(view.buffer, &view.index, axes, access != call::Access::Read);
                    }
                }
            }
        }
    }

    fn place(&mut self, place: &'a Place, lanes: u8, stores: bool) {
        let lanes = [(place.lane_stride, usize::from(lanes))].into_iter().collect();
        self.rectangle(place.buffer, &place.index, lanes, stores);
    }

    fn gemm(&mut self, gemm: &'a Gemm) {
        let &Gemm { m, n, k, ref out, ref lhs, ref rhs, .. } = gemm;
        self.matrix(out, m, n, true);
        self.matrix(lhs, m, k, false);
        match rhs {
            Rhs::Matrix(matrix) => self.matrix(matrix, k, n, false),
            Rhs::Packed(packed) => self.packed(packed, k, n, false),
        }
    }

    fn matrix(&mut self, matrix: &'a Matrix, rows: usize, columns: usize, stores: bool) {
        let axes = [(matrix.row_stride, rows), (matrix.column_stride, columns)].into_iter().collect();
        self.rectangle(matrix.buffer, &matrix.index, axes, stores);
    }

    fn packed(&mut self, packed: &'a Packed, rows: usize, columns: usize, stores: bool) {
        let all = [(1, packed_elements(rows, columns))].into_iter().collect();
        self.rectangle(packed.buffer, &packed.index, all, stores);
    }

    /// Elements in axes of a stride and an extent each.
    fn rectangle(&mut self, buffer: Buffer, index: &'a Affine, axes: SmallVec<[(i64, usize); 2]>, stores: bool) {
        if axes.iter().any(|&(_, extent)| extent == 0) {
            return;
        }
        let steps = axes.into_iter().map(|(stride, extent)| (stride, extent as i64 - 1)).collect();
        let (kernel, stmt) = (self.kernel, self.stmt);
        self.by_buffer.entry(buffer).or_default().push(Touch { index, steps, stores, kernel, stmt });
    }

    /// An access by which two iterations may meet in a buffer, of which these are all accesses, and why.
    fn conflict<'t>(&self, inner: &Loop, list: &'t [Touch<'a>]) -> Option<(&'t Touch<'a>, String)> {
        let first = self.position(inner.index, list.first()?.index);
        let apart = i128::from(first.advance).abs();
        let mut divisor = 0;
        for touch in list {
            let position = self.position(inner.index, touch.index);
            if position.advance != first.advance {
                let (one, other) = (first.advance, position.advance);
                return Some((touch, format!("some positions advance by {one} per iteration, others by {other}")));
            }
            if position.around != first.around {
                return Some((touch, "positions depend in several ways on the counters around the loop".into()));
            }
            let factors = self.terms(touch, &position).map(|(factor, _)| factor.abs());
            divisor = factors.filter(|&factor| factor >= apart).fold(divisor, gcd);
        }
        for touch in list {
            let distance = centered(i128::from(touch.index.offset) - first.offset, divisor).abs();
            if distance >= apart {
                divisor = gcd(divisor, distance);
            }
        }
        if apart == 0 {
            return list.iter().find(|touch| touch.stores).map(|touch| (touch, "all have the same positions".into()));
        }
        let (mut low, mut high) = (0, 0);
        for touch in list {
            let position = self.position(inner.index, touch.index);
            let offset = centered(position.offset - first.offset, divisor);
            let small = self.terms(touch, &position).filter(|(factor, _)| factor.abs() < apart);
            let (down, up) = small.fold((offset, offset), |range, (factor, last)| {
                super::access::widen(range, factor.saturating_mul(last))
            });
            (low, high) = (low.min(down), high.max(up));
            let reach = high.saturating_sub(low);
            if reach >= apart {
                let problem =
                    format!("the positions of one reach {reach} further, those of the next begin {apart} further");
                return Some((touch, problem));
            }
            let all = apart.saturating_mul(i128::from(inner.extent) - 1).saturating_add(reach);
            if divisor != 0 && all >= divisor {
                let problem = format!("the positions of all reach {all} further, and are repeated {divisor} further");
                return Some((touch, problem));
            }
        }
        None
    }

    /// The terms of an access that differ within an iteration: factors, and how often at most.
    fn terms<'t>(&self, touch: &'t Touch<'a>, position: &'t Position) -> impl Iterator<Item = (i128, i128)> + 't {
        let all = position.inside.iter().chain(&touch.steps).filter(|&&(factor, last)| factor != 0 && last > 0);
        all.map(|&(factor, last)| (i128::from(factor), i128::from(last)))
    }

    fn position(&self, counter: Index, index: &Affine) -> Position {
        let mut position = Position { offset: i128::from(index.offset), ..Position::default() };
        for &(index, factor) in &index.terms {
            match self.last.get(&index) {
                _ if index == counter => position.advance = factor,
                Some(&last) => position.inside.push((factor, last)),
                None => position.around.push((index, factor)),
            }
        }
        position
    }
}

/// A position taken apart.
#[derive(Default)]
struct Position {
    offset: i128,
    /// The factor of the loop's counter.
    advance: i64,
    /// The terms of counters around the loop.
    around: SmallVec<[(Index, i64); 4]>,
    /// The terms of counters inside the loop: the factor, and the largest value of the counter.
    inside: SmallVec<[(i64, i64); 4]>,
}

fn gcd(mut one: i128, mut other: i128) -> i128 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

/// The number nearest to 0 that differs by a multiple of `divisor`; itself for the divisor 0.
fn centered(number: i128, divisor: i128) -> i128 {
    if divisor == 0 {
        return number;
    }
    let rest = number.rem_euclid(divisor);
    if rest > divisor / 2 { rest - divisor } else { rest }
}
