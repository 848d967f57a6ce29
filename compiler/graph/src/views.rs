//! The same elements in another order or shape: reshape, transpose, and joining tensors.

use pullback_ir::{Op, Shape};

use crate::axes::normalize;
use crate::graph::Graph;
use crate::tensor::Tensor;

/// Shapes.
impl Tensor<'_> {
    /// The same elements, in row-major order, with other extents. One extent may be -1: it is what is left over.
    #[track_caller]
    pub fn reshape(self, dims: impl AsRef<[isize]>) -> Self {
        match resolve_extents(&self.shape(), dims.as_ref()) {
            Ok(extents) => self.reshape_to(&extents),
            Err(message) => self.graph().fail("reshape", message),
        }
    }

    /// One axis with all elements.
    #[track_caller]
    pub fn flatten(self) -> Self {
        self.reshape_to(&[self.size()])
    }

    /// A new axis of extent 1, which becomes axis `axis` of the result (-1: the last).
    #[track_caller]
    pub fn expand_dims(self, axis: isize) -> Self {
        let mut dims = self.dims();
        match normalize(axis, dims.len() + 1) {
            Ok(axis) => {
                dims.insert(axis, 1);
                self.reshape_to(&dims)
            }
            Err(message) => self.graph().fail("expand_dims", message),
        }
    }

    /// Without the given axes, which must have extent 1.
    #[track_caller]
    pub fn squeeze(self, axes: impl AsRef<[isize]>) -> Self {
        let Some(axes) = self.axes("squeeze", axes.as_ref()) else { return self.graph().placeholder() };
        let dims = self.dims();
        if let Some(axis) = axes.iter().find(|&&axis| dims[axis] != 1) {
            let message = format!("axis {axis} of {} has extent {}, expected 1", self.ty(), dims[*axis]);
            return self.graph().fail("squeeze", message);
        }
        let kept: Vec<usize> = (0..dims.len()).filter(|axis| !axes.contains(axis)).map(|axis| dims[axis]).collect();
        self.reshape_to(&kept)
    }
}

/// The extents that the user means: a -1 is replaced by what the others leave.
fn resolve_extents(from: &Shape, dims: &[isize]) -> Result<Vec<usize>, String> {
    let total = from.elements();
    let holes = dims.iter().filter(|&&extent| extent == -1).count();
    if holes > 1 {
        return Err(format!("the extents {dims:?} have {holes} times -1, expected at most one"));
    }
    let mut known = 1usize;
    for &extent in dims {
        match usize::try_from(extent) {
            Ok(extent) => {
                known = known.checked_mul(extent).ok_or_else(|| format!("the extents {dims:?} are too large"))?;
            }
            Err(_) if extent == -1 => {}
            Err(_) => return Err(format!("the extent {extent} in {dims:?}, expected -1 or more")),
        }
    }
    let rest = match (holes, total.checked_div(known)) {
        (1, Some(rest)) if rest * known == total => rest,
        (0, _) if known == total => 0,
        _ => return Err(format!("{total} elements of the shape {from} do not fit the extents {dims:?}")),
    };
    Ok(dims.iter().map(|&extent| usize::try_from(extent).unwrap_or(rest)).collect())
}

/// Order of axes and of positions.
impl Tensor<'_> {
    /// The axes in reverse order.
    #[track_caller]
    pub fn transpose(self) -> Self {
        self.permute_to((0..self.rank()).rev().collect())
    }

    /// The last two axes exchanged: the transpose of each matrix of a batch.
    #[track_caller]
    pub fn t(self) -> Self {
        self.swap_axes(-2, -1)
    }

    /// Two axes exchanged.
    #[track_caller]
    pub fn swap_axes(self, first: isize, second: isize) -> Self {
        let (Some(first), Some(second)) = (self.axis("swap_axes", first), self.axis("swap_axes", second)) else {
            return self.graph().placeholder();
        };
        let mut perm: Vec<usize> = (0..self.rank()).collect();
        perm.swap(first, second);
        self.permute_to(perm)
    }

    /// Axis `i` of the result is axis `perm[i]` of this tensor.
    #[track_caller]
    pub fn permute(self, perm: impl AsRef<[isize]>) -> Self {
        let perm = perm.as_ref();
        let mut axes = Vec::with_capacity(perm.len());
        for &axis in perm {
            let Some(axis) = self.axis("permute", axis) else { return self.graph().placeholder() };
            axes.push(axis);
        }
        self.permute_to(axes)
    }

    #[track_caller]
    fn permute_to(self, perm: Vec<usize>) -> Self {
        if perm.iter().copied().eq(0..self.rank()) {
            return self;
        }
        self.graph().emit(Op::Transpose(perm.into()), &[self])
    }

    /// The positions along the given axes in reverse order.
    #[track_caller]
    pub fn reverse(self, axes: impl AsRef<[isize]>) -> Self {
        match self.axes("reverse", axes.as_ref()) {
            Some(axes) if axes.is_empty() => self,
            Some(axes) => self.graph().emit(Op::Reverse(axes.into()), &[self]),
            None => self.graph().placeholder(),
        }
    }
}

/// Joining tensors.
impl Graph<'_> {
    /// Tensors one after the other along `axis`; their element types and other extents agree.
    #[track_caller]
    pub fn concatenate<'g>(&'g self, parts: &[Tensor<'g>], axis: isize) -> Tensor<'g> {
        let Some(first) = parts.first() else { return self.fail("concatenate", "no tensors, expected at least one") };
        if !parts.iter().all(|part| self.owns(*part)) {
            return self.fail("concatenate", "a tensor belongs to another graph");
        }
        match first.axis("concatenate", axis) {
            Some(axis) => self.emit(Op::Concatenate { axis }, parts),
            None => self.placeholder(),
        }
    }

    /// Tensors of one type side by side along a new axis, axis `axis` of the result.
    #[track_caller]
    pub fn stack<'g>(&'g self, parts: &[Tensor<'g>], axis: isize) -> Tensor<'g> {
        let Some(first) = parts.first() else { return self.fail("stack", "no tensors, expected at least one") };
        let mut expanded = Vec::with_capacity(parts.len());
        for part in parts {
            if self.owns(*part) && part.ty() != first.ty() {
                return self
                    .fail("stack", format!("tensors of types {} and {}, expected one type", first.ty(), part.ty()));
            }
            expanded.push(part.expand_dims(axis));
        }
        self.concatenate(&expanded, axis)
    }
}
