//! Control flow: loops and branches whose bodies are closures.
//!
//! The closures run once, while the graph is being built, and what they append becomes a region of the instruction. They may use
//! any tensor in sight, and any method of the graph; see `region.rs` for how. State goes in and comes out as [`Tree`]s.

use pullback_ir::op::MAX_BRANCHES;
use pullback_ir::{Checkpointing, DType, Op, ScanSpec, Value, WhileSpec};

use crate::graph::Graph;
use crate::region::{Closed, Open};
use crate::tensor::Tensor;
use crate::tree::{Tree, rebuild};

/// How a [`Graph::scan_with`] runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Scan {
    /// The number of iterations; needed where nothing is scanned over, and must agree with what is.
    pub length: Option<usize>,
    /// Whether iterations run from the last position to the first.
    pub reverse: bool,
    /// What a reverse pass keeps of the iterations.
    pub checkpoint: Checkpointing,
}

/// Loops.
impl Graph<'_> {
    /// A loop over the positions of axis 0 of `xs`: `(carry, ys[i]) = body(carry, xs[i])`, from the carry `init`. Returns the
    /// last carry, and the `ys` stacked along a new axis 0.
    ///
    /// All `xs` have the same extent on axis 0, which is the number of iterations. The carry keeps its types.
    ///
    /// ```
    /// # use pullback_graph::trace;
    /// # use pullback_ir::{DType, Module};
    /// # let module = Module::new();
    /// # trace(&module, "f", |g| {
    /// let xs = g.input("xs", DType::F32, [100, 8]);
    /// let w = g.input("w", DType::F32, [8]);
    /// let (last, all) = g.scan(g.zeros(DType::F32, [8]), xs, |h, x| {
    ///     let h = (w * h + x).tanh();
    ///     (h, h)
    /// });
    /// assert_eq!((last.dims(), all.dims()), (vec![8], vec![100, 8]));
    /// # vec![last, all] })?;
    /// # Ok::<(), pullback_graph::Error>(())
    /// ```
    #[track_caller]
    pub fn scan<'g, C: Tree<'g>, X: Tree<'g>, Y: Tree<'g>>(
        &'g self,
        init: C,
        xs: X,
        body: impl FnOnce(C, X) -> (C, Y),
    ) -> (C, Y) {
        self.scan_with(Scan::default(), init, xs, body)
    }

    /// As [`Graph::scan`], with options. `xs` may be `()`, with a length.
    #[track_caller]
    pub fn scan_with<'g, C: Tree<'g>, X: Tree<'g>, Y: Tree<'g>>(
        &'g self,
        options: Scan,
        init: C,
        xs: X,
        body: impl FnOnce(C, X) -> (C, Y),
    ) -> (C, Y) {
        let (carry, scanned) = (init.tensors(), xs.tensors());
        let length = self.scan_length(options, &scanned);
        let mut open = self.open_region("scan");
        let state = self.region_params(&mut open, &carry, "carry");
        let elements = self.elements(&mut open, &scanned);
        let (next, ys) =
            body(rebuild(self, &init, &mut state.into_iter()), rebuild(self, &xs, &mut elements.into_iter()));
        let (next, stacked) = (next.tensors(), ys.tensors());
        self.check_carry("scan", next.len(), carry.len());
        let closed = self.close_region("scan", open, &[next, stacked].concat());

        let consts = self.captures(&[&closed]);
        let spec = ScanSpec {
            length,
            consts: consts.len(),
            carry: carry.len(),
            reverse: options.reverse,
            checkpoint: options.checkpoint,
        };
        let region = self.region_function(&closed, &params(&consts, &closed), &closed.results);
        let results = self.emit_many(Op::Scan(Box::new(spec)), &[consts, carry, scanned].concat(), &[region]);
        let mut results = results.into_iter();
        (rebuild(self, &init, &mut results), rebuild(self, &ys, &mut results))
    }

    /// `carry = body(i, carry)` for `i` from 0 to before `count`, from the carry `init`; `i` is an `i32` scalar.
    #[track_caller]
    pub fn for_loop<'g, C: Tree<'g>>(&'g self, count: usize, init: C, body: impl FnOnce(Tensor<'g>, C) -> C) -> C {
        if i32::try_from(count).is_err() {
            self.record("for_loop", format!("{count} iterations, more than i32 counts"));
        }
        let positions = self.arange(DType::I32, count);
        self.scan(init, positions, |carry, i| (body(i, carry), ())).0
    }

    /// `carry = body(carry)` while `cond(carry)`, a `bool` scalar, holds; from the carry `init`.
    ///
    /// It can be differentiated in forward mode; reverse mode needs a bound, see [`Graph::while_bounded`].
    #[track_caller]
    pub fn while_loop<'g, C: Tree<'g>>(
        &'g self,
        init: C,
        cond: impl FnOnce(C) -> Tensor<'g>,
        body: impl FnOnce(C) -> C,
    ) -> C {
        self.while_until(None, init, cond, body)
    }

    /// As [`Graph::while_loop`], with at most `bound` iterations: it ends after them even if the condition still holds.
    #[track_caller]
    pub fn while_bounded<'g, C: Tree<'g>>(
        &'g self,
        bound: usize,
        init: C,
        cond: impl FnOnce(C) -> Tensor<'g>,
        body: impl FnOnce(C) -> C,
    ) -> C {
        self.while_until(Some(bound), init, cond, body)
    }

    #[track_caller]
    fn while_until<'g, C: Tree<'g>>(
        &'g self,
        bound: Option<usize>,
        init: C,
        cond: impl FnOnce(C) -> Tensor<'g>,
        body: impl FnOnce(C) -> C,
    ) -> C {
        let carry = init.tensors();
        let mut open = self.open_region("while");
        let state = self.region_params(&mut open, &carry, "carry");
        let go = cond(rebuild(self, &init, &mut state.into_iter()));
        let cond = self.close_region("while", open, &[go]);
        let mut open = self.open_region("while");
        let state = self.region_params(&mut open, &carry, "carry");
        let next = body(rebuild(self, &init, &mut state.into_iter())).tensors();
        self.check_carry("while", next.len(), carry.len());
        let body = self.close_region("while", open, &next);

        let consts = self.captures(&[&cond, &body]);
        let spec = WhileSpec { consts: consts.len(), bound };
        let regions =
            [&cond, &body].map(|region| self.region_function(region, &params(&consts, region), &region.results));
        let results = self.emit_many(Op::While(Box::new(spec)), &[consts, carry].concat(), &regions);
        rebuild(self, &init, &mut results.into_iter())
    }

    /// The number of iterations that options and operands agree on.
    #[track_caller]
    fn scan_length(&self, options: Scan, scanned: &[Tensor<'_>]) -> usize {
        let mut length = options.length;
        for xs in scanned {
            match (xs.shape().extent(0), length) {
                (Some(extent), None) => length = Some(extent),
                (Some(extent), Some(length)) if extent == length => {}
                (found, expected) => {
                    let extent = found.map_or("no axis".into(), |extent| format!("{extent} positions on axis 0"));
                    let expected = expected.map_or("an axis".into(), |length| format!("{length}"));
                    self.record("scan", format!("{xs:?} is scanned over and has {extent}, expected {expected}"));
                }
            }
        }
        if length.is_none() {
            self.record("scan", "nothing is scanned over and there is no length");
        }
        length.unwrap_or(0)
    }

    /// Parameters for one position of each tensor.
    #[track_caller]
    fn elements<'g>(&'g self, open: &mut Open, scanned: &[Tensor<'_>]) -> Vec<Tensor<'g>> {
        let mut elements = Vec::with_capacity(scanned.len());
        for xs in scanned {
            let dims = xs.dims();
            let ty = self.make_type("scan", xs.dtype(), dims.get(1..).unwrap_or_default());
            let name = xs.name().unwrap_or_else(|| "x".into());
            elements.push(ty.map_or_else(|| self.placeholder(), |ty| self.region_param(open, ty, &name)));
        }
        elements
    }

    #[track_caller]
    fn check_carry(&self, op: &str, found: usize, expected: usize) {
        if found != expected {
            self.record(op, format!("the body returns a carry of {found} tensors, expected {expected} as it gets"));
        }
    }
}

/// Branches, and recomputation.
impl Graph<'_> {
    /// What `then` returns if the `bool` scalar `pred` holds, else what `otherwise` returns; only that one is computed.
    ///
    /// ```
    /// # use pullback_graph::trace;
    /// # use pullback_ir::{DType, Module};
    /// # let module = Module::new();
    /// # trace(&module, "f", |g| {
    /// let x = g.input("x", DType::F32, []);
    /// let y = g.cond(x.gt(0), || x.sqrt(), || x * x);
    /// # vec![y] })?;
    /// # Ok::<(), pullback_graph::Error>(())
    /// ```
    #[track_caller]
    pub fn cond<'g, Y: Tree<'g>>(
        &'g self,
        pred: Tensor<'g>,
        then: impl FnOnce() -> Y,
        otherwise: impl FnOnce() -> Y,
    ) -> Y {
        let open = self.open_region("cond");
        let result = then();
        let then = self.close_region("cond", open, &result.tensors());
        let open = self.open_region("cond");
        let other = otherwise().tensors();
        let otherwise = self.close_region("cond", open, &other);
        let results = self.emit_branches(Op::Cond, pred, &[then, otherwise]);
        rebuild(self, &result, &mut results.into_iter())
    }

    /// What `branch(i)` returns, for the `i` below `count` that the integer scalar `index` is, moved inside if it is outside;
    /// only that one is computed.
    ///
    /// The closure is called for each `i` while the graph is being built.
    ///
    /// ```
    /// # use pullback_graph::trace;
    /// # use pullback_ir::{DType, Module};
    /// # let module = Module::new();
    /// # trace(&module, "f", |g| {
    /// let (x, which) = (g.input("x", DType::F32, [4]), g.input("which", DType::I32, []));
    /// let y = g.switch(which, 3, |i| match i {
    ///     0 => x.relu(),
    ///     1 => x.gelu(),
    ///     _ => x.tanh(),
    /// });
    /// # vec![y] })?;
    /// # Ok::<(), pullback_graph::Error>(())
    /// ```
    #[track_caller]
    pub fn switch<'g, Y: Tree<'g>>(&'g self, index: Tensor<'g>, count: usize, mut branch: impl FnMut(usize) -> Y) -> Y {
        if !(1..=MAX_BRANCHES).contains(&count) {
            self.record("switch", format!("{count} branches, expected 1 to {MAX_BRANCHES}"));
        }
        let open = self.open_region("switch");
        let result = branch(0);
        let mut closed = vec![self.close_region("switch", open, &result.tensors())];
        for position in 1..count.min(MAX_BRANCHES) {
            let open = self.open_region("switch");
            let other = branch(position).tensors();
            closed.push(self.close_region("switch", open, &other));
        }
        // Moved inside before it is made narrower, which would wrap.
        let last = i32::try_from(closed.len() - 1).unwrap_or(i32::MAX);
        let index = if index.dtype() == DType::I64 { index.clamp(0, last).to(DType::I32) } else { index };
        let index = if index.dtype() == DType::U8 { index.to(DType::I32) } else { index };
        let results = self.emit_branches(Op::Switch, index, &closed);
        rebuild(self, &result, &mut results.into_iter())
    }

    /// What `body` returns. A reverse pass runs it again instead of keeping what its derivative needs.
    #[track_caller]
    pub fn checkpoint<'g, Y: Tree<'g>>(&'g self, body: impl FnOnce() -> Y) -> Y {
        let open = self.open_region("checkpoint");
        let result = body();
        let closed = self.close_region("checkpoint", open, &result.tensors());
        let captured = self.captures(&[&closed]);
        let region = self.region_function(&closed, &params(&captured, &closed), &closed.results);
        let results = self.emit_many(Op::Checkpoint, &captured, &[region]);
        rebuild(self, &result, &mut results.into_iter())
    }

    /// The tensors themselves; passes do not look through it, so that what is built from the result is not merged with what was
    /// before.
    #[track_caller]
    pub fn barrier<'g, T: Tree<'g>>(&'g self, tensors: T) -> T {
        let operands = tensors.tensors();
        if operands.is_empty() {
            return tensors;
        }
        let results = self.emit_many(Op::Barrier, &operands, &[]);
        rebuild(self, &tensors, &mut results.into_iter())
    }

    #[track_caller]
    fn emit_branches<'g>(&'g self, op: Op, selector: Tensor<'g>, closed: &[Closed]) -> Vec<Tensor<'g>> {
        let regions: Vec<&Closed> = closed.iter().collect();
        let captured = self.captures(&regions);
        let mut functions = Vec::with_capacity(closed.len());
        for region in closed {
            functions.push(self.region_function(region, &params(&captured, region), &region.results));
        }
        self.emit_many(op, &[&[selector], &captured[..]].concat(), &functions)
    }
}

/// The captured values, then the region's own parameters.
fn params(captured: &[Tensor<'_>], region: &Closed) -> Vec<Value> {
    captured.iter().map(|tensor| tensor.value()).chain(region.params.iter().copied()).collect()
}
