//! Sliding windows: the view of them, and pooling.

use pullback_ir::{Op, PadSpec, PoolSpec, Pooling, WindowSpec};

use crate::axes::normalize;
use crate::tensor::Tensor;

/// What is put around a tensor before windows are laid over it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Padding {
    /// Nothing: only windows that are entirely inside count.
    #[default]
    Valid,
    /// So much that there are `⌈extent / stride⌉` windows, half of it before the first position and the larger half behind the
    /// last.
    Same,
    /// So many positions before and behind, a pair per axis; negative numbers remove.
    Explicit(Vec<(i64, i64)>),
}

impl Padding {
    /// Positions before and behind, for one axis of windows that reach over `span` positions each.
    pub(crate) fn resolve(&self, position: usize, extent: usize, span: usize, stride: usize) -> (i64, i64) {
        match self {
            Self::Valid => (0, 0),
            Self::Same => {
                let last = extent.div_ceil(stride).saturating_sub(1).saturating_mul(stride);
                // What is too large for this is refused as a shape later.
                let total = i64::try_from(last.saturating_add(span).saturating_sub(extent)).unwrap_or(i64::MAX);
                (total / 2, total - total / 2)
            }
            Self::Explicit(pairs) => pairs.get(position).copied().unwrap_or_default(),
        }
    }

    /// A message unless there is padding for this many axes.
    pub(crate) fn check(&self, axes: usize) -> Result<(), String> {
        match self {
            Self::Explicit(pairs) if pairs.len() != axes => {
                Err(format!("padding for {} axes, expected {axes}", pairs.len()))
            }
            Self::Valid | Self::Same | Self::Explicit(_) => Ok(()),
        }
    }
}

/// How far a window of `size` positions reaches.
pub(crate) fn span(size: usize, dilation: usize) -> usize {
    size.saturating_sub(1).saturating_mul(dilation).saturating_add(1)
}

/// One number per axis: those given, or `default` for each if none are.
pub(crate) fn per_axis(what: &str, given: &[usize], axes: usize, default: usize) -> Result<Vec<usize>, String> {
    match given {
        [] => Ok(vec![default; axes]),
        _ if given.len() != axes => Err(format!("{what} for {} axes, expected {axes}", given.len())),
        _ if given.contains(&0) => Err(format!("{what} {given:?}, expected at least 1")),
        _ => Ok(given.to_vec()),
    }
}

fn is_padded(spec: &PoolSpec) -> bool {
    spec.low.iter().chain(&spec.high).any(|&padding| padding != 0)
}

/// The padding of windows, or what removes it.
fn padding(spec: &PoolSpec, sign: i64) -> PadSpec {
    let times = |list: &[i64]| list.iter().map(|padding| sign.saturating_mul(*padding)).collect();
    PadSpec { low: times(&spec.low), high: times(&spec.high), interior: vec![0; spec.size.len()].into() }
}

/// The view of the windows over these axes.
fn view(axes: &[usize], spec: &PoolSpec) -> WindowSpec {
    let of = |list: &[usize]| axes.iter().map(|&axis| list[axis]).collect();
    WindowSpec { axes: axes.into(), size: of(&spec.size), stride: of(&spec.stride), dilation: of(&spec.dilation) }
}

/// Windows over some axes: `Window::new([2, 2]).stride([1, 1]).padding(Padding::Same)`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    size: Vec<usize>,
    stride: Vec<usize>,
    dilation: Vec<usize>,
    axes: Vec<isize>,
    padding: Padding,
}

impl Window {
    /// Windows of these extents over the last axes, side by side and without padding.
    #[must_use]
    pub fn new(size: impl AsRef<[usize]>) -> Self {
        let size = size.as_ref().to_vec();
        Self { size, stride: Vec::new(), dilation: Vec::new(), axes: Vec::new(), padding: Padding::Valid }
    }

    /// The distance from one window to the next, per axis; the size if not given.
    #[must_use]
    pub fn stride(self, stride: impl AsRef<[usize]>) -> Self {
        Self { stride: stride.as_ref().to_vec(), ..self }
    }

    /// The distance from one position in a window to the next, per axis; 1 if not given.
    #[must_use]
    pub fn dilation(self, dilation: impl AsRef<[usize]>) -> Self {
        Self { dilation: dilation.as_ref().to_vec(), ..self }
    }

    /// The axes, one per extent of the window; the last ones if not given.
    #[must_use]
    pub fn axes(self, axes: impl AsRef<[isize]>) -> Self {
        Self { axes: axes.as_ref().to_vec(), ..self }
    }

    /// The padding; none if not given.
    #[must_use]
    pub fn padding(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    /// The windowed axes of a tensor of these extents, sorted, and the windows with an entry for each of its axes.
    fn resolve(&self, dims: &[usize]) -> Result<(Vec<usize>, PoolSpec), String> {
        let (count, rank) = (self.size.len(), dims.len());
        if count > rank || self.size.contains(&0) {
            return Err(format!("windows of extents {:?} over a tensor with {rank} axes", self.size));
        }
        if !self.axes.is_empty() && self.axes.len() != count {
            return Err(format!("{} axes for windows of extents {:?}", self.axes.len(), self.size));
        }
        self.padding.check(count)?;
        let dilation = per_axis("dilation", &self.dilation, count, 1)?;
        let stride = if self.stride.is_empty() { &self.size } else { &per_axis("stride", &self.stride, count, 1)? };
        let (ones, zeros) = (|| vec![1; rank].into_boxed_slice(), || vec![0; rank].into_boxed_slice());
        let mut spec = PoolSpec {
            size: ones(),
            stride: ones(),
            low: zeros(),
            high: zeros(),
            base_dilation: ones(),
            dilation: ones(),
        };
        let mut axes = Vec::with_capacity(count);
        for (position, &size) in self.size.iter().enumerate() {
            let axis = self.axes.get(position).map_or(Ok(rank - count + position), |&axis| normalize(axis, rank))?;
            if axes.contains(&axis) {
                return Err(format!("axis {axis} is named twice"));
            }
            axes.push(axis);
            (spec.size[axis], spec.stride[axis], spec.dilation[axis]) = (size, stride[position], dilation[position]);
            let reach = span(size, dilation[position]);
            (spec.low[axis], spec.high[axis]) = self.padding.resolve(position, dims[axis], reach, stride[position]);
        }
        axes.sort_unstable();
        Ok((axes, spec))
    }
}

/// Windows.
impl<'g> Tensor<'g> {
    #[track_caller]
    fn resolve_window(self, op: &str, window: &Window) -> Option<(Vec<usize>, PoolSpec)> {
        match window.resolve(&self.dims()) {
            Ok(resolved) => Some(resolved),
            Err(message) => {
                self.graph().record(op, message);
                None
            }
        }
    }

    /// The windows themselves: the windowed axes count windows, and new axes at the end run over the positions in one, in the
    /// order of the axes. Padding is zeros.
    #[track_caller]
    pub fn windows(self, window: &Window) -> Self {
        let Some((axes, spec)) = self.resolve_window("windows", window) else { return self.graph().placeholder() };
        let padded = if is_padded(&spec) { self.pad_general(padding(&spec, 1), 0) } else { self };
        padded.graph().emit(Op::Windows(Box::new(view(&axes, &spec))), &[padded])
    }

    /// The transpose of [`Tensor::windows`]: windows added at their places in a tensor of extents `dims`, zeros elsewhere.
    #[track_caller]
    pub fn overlap_add(self, window: &Window, dims: impl AsRef<[usize]>) -> Self {
        let (graph, dims) = (self.graph(), dims.as_ref());
        let resolved = match window.resolve(dims) {
            Ok(resolved) => resolved,
            Err(message) => return graph.fail("overlap_add", message),
        };
        let (axes, spec) = resolved;
        let padded = dims.iter().zip(spec.low.iter().zip(&spec.high)).map(|(&extent, (low, high))| {
            let extent = i64::try_from(extent).unwrap_or(i64::MAX);
            usize::try_from(extent.saturating_add(*low).saturating_add(*high)).unwrap_or(0)
        });
        let padded: Vec<usize> = padded.collect();
        let Some(shape) = graph.make_shape("overlap_add", &padded) else { return graph.placeholder() };
        let op = Op::OverlapAdd { spec: Box::new(view(&axes, &spec)), shape: Box::new(shape) };
        let added = graph.emit(op, &[self]);
        if is_padded(&spec) { added.pad_general(padding(&spec, -1), 0) } else { added }
    }

    #[track_caller]
    fn pool(self, kind: Pooling, window: &Window) -> Self {
        match self.resolve_window(kind.info().name, window) {
            Some((_, spec)) => self.graph().emit(Op::ReduceWindow { kind, spec: Box::new(spec) }, &[self]),
            None => self.graph().placeholder(),
        }
    }

    /// The sum in each window. The result has one position per window on the windowed axes.
    #[track_caller]
    pub fn sum_pool(self, window: &Window) -> Self {
        self.pool(Pooling::Add, window)
    }

    /// The largest element in each window, padding not counting; NaN if any is.
    #[track_caller]
    pub fn max_pool(self, window: &Window) -> Self {
        self.pool(Pooling::Max, window)
    }

    /// The smallest element in each window, padding not counting; NaN if any is.
    #[track_caller]
    pub fn min_pool(self, window: &Window) -> Self {
        self.pool(Pooling::Min, window)
    }

    /// The mean of the elements in each window, padding not counting: the sum divided by the number of elements of this tensor
    /// that are in the window.
    #[track_caller]
    pub fn avg_pool(self, window: &Window) -> Self {
        let graph = self.graph();
        if !self.dtype().is_float() {
            return graph.fail("avg_pool", format!("the mean of {}, expected f32 or f64: use `to`", self.ty()));
        }
        let Some((axes, spec)) = self.resolve_window("avg_pool", window) else { return graph.placeholder() };
        let sum = self.sum_pool(window);
        let count = if is_padded(&spec) {
            // The same for every position of the other axes, which have extent 1 here.
            let mut dims = self.dims();
            for axis in (0..dims.len()).filter(|axis| !axes.contains(axis)) {
                dims[axis] = 1;
            }
            let op = Op::ReduceWindow { kind: Pooling::Add, spec: Box::new(spec) };
            graph.emit(op, &[graph.ones(self.dtype(), dims)])
        } else {
            let count: f64 = spec.size.iter().map(|&size| size as f64).product();
            graph.full(self.dtype(), [], count)
        };
        sum / count
    }
}
