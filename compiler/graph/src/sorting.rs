//! Order along an axis: positions of extrema, sorting, and combinations of each element with those before it.
//!
//! NaN counts as larger than every number, for the smallest as smaller; equal elements keep their order. Positions are `i32`.

use pullback_ir::{Cumulation, DType, Extremum, Op};

use crate::graph::Graph;
use crate::tensor::Tensor;

impl Tensor<'_> {
    #[track_caller]
    fn arg_reduce(self, op: &str, kind: Extremum, axis: isize) -> Self {
        match self.axis(op, axis) {
            Some(axis) => self.graph().emit(Op::ArgReduce { kind, axis, dtype: DType::I32 }, &[self]),
            None => self.graph().placeholder(),
        }
    }

    #[track_caller]
    fn sort_with_positions(self, op: &str, axis: isize, descending: bool) -> [Self; 2] {
        let graph = self.graph();
        let Some(axis) = self.axis(op, axis) else { return [graph.placeholder(); 2] };
        let positions = graph.iota(DType::I32, self.dims(), axis.cast_signed());
        graph.emit_array(Op::Sort { axis, keys: 1, descending }, &[self, positions])
    }

    #[track_caller]
    fn sort_alone(self, axis: isize, descending: bool) -> Self {
        match self.axis("sort", axis) {
            Some(axis) => self.graph().emit(Op::Sort { axis, keys: 1, descending }, &[self]),
            None => self.graph().placeholder(),
        }
    }

    /// The position of the largest element along an axis, which disappears: the first of equal ones, the first NaN if there is one.
    #[track_caller]
    pub fn argmax(self, axis: isize) -> Self {
        self.arg_reduce("argmax", Extremum::Max, axis)
    }

    /// The position of the smallest element along an axis, which disappears: the first of equal ones, the first NaN if there is
    /// one.
    #[track_caller]
    pub fn argmin(self, axis: isize) -> Self {
        self.arg_reduce("argmin", Extremum::Min, axis)
    }

    /// The elements along an axis in increasing order.
    #[track_caller]
    pub fn sort(self, axis: isize) -> Self {
        self.sort_alone(axis, false)
    }

    /// The elements along an axis in decreasing order.
    #[track_caller]
    pub fn sort_descending(self, axis: isize) -> Self {
        self.sort_alone(axis, true)
    }

    /// The positions along an axis in the order in which [`Tensor::sort`] has their elements.
    #[track_caller]
    pub fn argsort(self, axis: isize) -> Self {
        self.sort_with_positions("argsort", axis, false)[1]
    }

    /// The positions along an axis in the order in which [`Tensor::sort_descending`] has their elements.
    #[track_caller]
    pub fn argsort_descending(self, axis: isize) -> Self {
        self.sort_with_positions("argsort", axis, true)[1]
    }

    /// The `k` largest elements along the last axis in decreasing order, and their positions.
    #[track_caller]
    pub fn top_k(self, k: usize) -> (Self, Self) {
        let [values, positions] = self.graph().emit_array(Op::TopK { k }, &[self]);
        (values, positions)
    }

    /// Each element combined with all before it along an axis, or, if `reverse`, with all behind it.
    #[track_caller]
    pub fn cumulative(self, kind: Cumulation, axis: isize, reverse: bool) -> Self {
        match self.axis(kind.info().name, axis) {
            Some(axis) => self.graph().emit(Op::Cumulative { kind, axis, reverse }, &[self]),
            None => self.graph().placeholder(),
        }
    }
}

macro_rules! cumulations {
    ($($(#[$meta:meta])* $name:ident $Kind:ident;)*) => {
        /// Combinations of each element with all before it along an axis; [`Tensor::cumulative`] also goes backwards.
        impl Tensor<'_> {
            $($(#[$meta])*
            #[track_caller]
            pub fn $name(self, axis: isize) -> Self {
                self.cumulative(Cumulation::$Kind, axis, false)
            })*
        }
    };
}

cumulations! {
    /// Sums up to and including each element.
    cumsum Add;
    /// Products up to and including each element.
    cumprod Mul;
    /// The largest up to and including each element; NaN from the first NaN on.
    cummax Max;
    /// The smallest up to and including each element; NaN from the first NaN on.
    cummin Min;
    /// `log Σ_j≤i e^x_j` for each element `x_i`, without overflow.
    cumlogsumexp LogSumExp;
}

impl Graph<'_> {
    /// Tensors of one shape reordered together along an axis, so that the first `keys` of them increase (or decrease)
    /// lexicographically.
    #[track_caller]
    pub fn sort_together<'g>(
        &'g self,
        tensors: &[Tensor<'g>],
        axis: isize,
        keys: usize,
        descending: bool,
    ) -> Vec<Tensor<'g>> {
        let rank = tensors.first().map_or(0, |first| first.rank());
        let sorted = match crate::axes::normalize(axis, rank) {
            Ok(axis) => self.emit_many(Op::Sort { axis, keys, descending }, tensors, &[]),
            Err(message) => {
                self.record("sort", message);
                Vec::new()
            }
        };
        if sorted.len() == tensors.len() { sorted } else { vec![self.placeholder(); tensors.len()] }
    }
}
