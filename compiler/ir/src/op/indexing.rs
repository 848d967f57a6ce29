//! Attributes of operations that read or write at positions known at run time: gather, scatter, sort and their kin.
//!
//! The axis roles of `gather` and `scatter` are StableHLO's, under its names where they are good ones: a *window* of the operand
//! per *index vector*. The axes of the indices other than that of the index vectors are the *batch axes*.

use super::attributes::Axes;

/// What happens to a window that is not entirely inside the operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum OutOfBounds {
    /// It is moved inside, the least distance on each axis.
    Clamp,
    /// `gather` reads zeros (`false`) for it; `scatter` writes nothing.
    Drop,
}

impl OutOfBounds {
    /// Both.
    pub const ALL: &'static [Self] = &[Self::Clamp, Self::Drop];

    /// The word in the text form.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clamp => "clamp",
            Self::Drop => "drop",
        }
    }
}

/// How index vectors pick windows of an operand. Shared by `gather` and `scatter`, which read and write the same windows.
///
/// With `x` the operand, `s` the indices and `w` the windows (the result of `gather`, the updates of `scatter`): the batch axes of `w`
/// are those not in `offset`, in order, and pair with the axes of `s` other than `vector_axis`, in order. The axes of `w` in `offset`, in order,
/// are the window's: they pair with the axes of `x` that are neither `collapsed` nor in `operand_batch`. For a batch position `b` the window begins at
/// `start[map[k]] = s[b with k on vector_axis]`, 0 on other axes, and on axis `operand_batch[i]` at the position that `b` has on axis
/// `indices_batch[i]` of `s`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WindowDims {
    /// Axes of `w` that run over the window, strictly increasing. StableHLO: `offset_dims`, `update_window_dims`.
    pub offset: Axes,
    /// Axes of `x` on which the window has extent 1 and that `w` leaves out, strictly increasing. StableHLO: `collapsed_slice_dims`,
    /// `inserted_window_dims`.
    pub collapsed: Axes,
    /// Axes of `x` that pair with batch axes of `s`, strictly increasing; the window has extent 1 there and `w` leaves them out.
    pub operand_batch: Axes,
    /// The axes of `s` that pair with `operand_batch`, in its order.
    pub indices_batch: Axes,
    /// The axis of `x` that each component of an index vector is a position on. StableHLO: `start_index_map`,
    /// `scatter_dims_to_operand_dims`.
    pub map: Axes,
    /// The axis of `s` along which an index vector lies; the rank of `s` if indices are single numbers.
    pub vector_axis: usize,
    /// What happens to windows that are not inside.
    pub mode: OutOfBounds,
}

/// Attributes of `gather`.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct GatherSpec {
    /// Which windows.
    pub dims: WindowDims,
    /// The window's extent on each axis of the operand; 1 on `collapsed` and `operand_batch` axes.
    pub sizes: Box<[usize]>,
}
