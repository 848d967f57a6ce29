//! Convolutions of up to three spatial axes, in any order of axes.

use pullback_ir::{Axes, ConvSpec, Op};

use crate::tensor::Tensor;
use crate::windows::{Padding, per_axis, span};

/// How a convolution goes: `Conv::new().stride([2, 2]).padding(Padding::Same).layout("NHWC", "HWIO")`.
///
/// Lists have one entry per spatial axis, in the order in which the layout of the input has these axes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conv {
    stride: Vec<usize>,
    padding: Padding,
    dilation: Vec<usize>,
    input_dilation: Vec<usize>,
    output_padding: Vec<usize>,
    groups: usize,
    layout: Option<(String, String)>,
}

impl Default for Conv {
    fn default() -> Self {
        Self::new()
    }
}

impl Conv {
    /// Stride and dilation 1, no padding, one group, layouts `NC…` and `OI…`.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            stride: Vec::new(),
            padding: Padding::Valid,
            dilation: Vec::new(),
            input_dilation: Vec::new(),
            output_padding: Vec::new(),
            groups: 1,
            layout: None,
        }
    }

    /// From one place of the kernel to the next.
    #[must_use]
    pub fn stride(self, stride: impl AsRef<[usize]>) -> Self {
        Self { stride: stride.as_ref().to_vec(), ..self }
    }

    /// Zeros around the input.
    #[must_use]
    pub fn padding(self, padding: Padding) -> Self {
        Self { padding, ..self }
    }

    /// From one position of the kernel to the next.
    #[must_use]
    pub fn dilation(self, dilation: impl AsRef<[usize]>) -> Self {
        Self { dilation: dilation.as_ref().to_vec(), ..self }
    }

    /// From one position of the input to the next, with zeros between.
    #[must_use]
    pub fn input_dilation(self, dilation: impl AsRef<[usize]>) -> Self {
        Self { input_dilation: dilation.as_ref().to_vec(), ..self }
    }

    /// For a transposed convolution: positions more at the end of the result than the least that there can be, less than the
    /// stride.
    #[must_use]
    pub fn output_padding(self, positions: impl AsRef<[usize]>) -> Self {
        Self { output_padding: positions.as_ref().to_vec(), ..self }
    }

    /// Groups of features: the output features of a group see the input features of that group alone.
    #[must_use]
    pub const fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// What the axes mean. `input`, which is also the order of the result: `N` the batch, `C` the features, any other letters the
    /// spatial axes. `kernel`: `O` the output features, `I` the input features of a group, and the same spatial letters.
    #[must_use]
    pub fn layout(self, input: &str, kernel: &str) -> Self {
        Self { layout: Some((input.into(), kernel.into())), ..self }
    }

    /// The axes of input and kernel: batch and feature, or output and input feature, then the spatial ones.
    fn axes(&self, rank: usize) -> Result<(Vec<usize>, Vec<usize>), String> {
        let Some((input, kernel)) = &self.layout else { return Ok(((0..rank).collect(), (0..rank).collect())) };
        let letters: Vec<char> = input.chars().collect();
        let spatial: Vec<char> = letters.iter().copied().filter(|letter| !"NC".contains(*letter)).collect();
        let find = |layout: &str, first: [char; 2]| -> Result<Vec<usize>, String> {
            let found: Vec<char> = layout.chars().collect();
            let wanted = first.iter().chain(&spatial);
            let axes: Option<Vec<usize>> =
                wanted.clone().map(|letter| found.iter().position(|other| other == letter)).collect();
            let (first, spatial) = (String::from_iter(first), String::from_iter(&spatial));
            axes.filter(|axes| axes.len() == found.len() && axes.len() == rank && distinct(&found)).ok_or_else(|| {
                format!(
                    "the layout {layout:?} of {rank} axes, expected each of the letters {first:?} and {spatial:?} once"
                )
            })
        };
        Ok((find(input, ['N', 'C'])?, find(kernel, ['O', 'I'])?))
    }

    /// The axis of the features, of an input with this many axes and of the result.
    pub(crate) fn feature_axis(&self, rank: usize) -> Result<usize, String> {
        self.axes(rank)?.0.get(1).copied().ok_or_else(|| format!("a tensor with {rank} axes, expected at least two"))
    }

    /// The attributes of the operation for an input and a kernel of these extents.
    fn resolve(&self, input: &[usize], kernel: &[usize]) -> Result<ConvSpec, String> {
        let rank = input.len();
        if rank < 2 || kernel.len() != rank {
            return Err(format!("extents {input:?} of the input and {kernel:?} of the kernel, expected as many axes"));
        }
        if self.groups == 0 {
            return Err("0 groups, expected at least 1".into());
        }
        let spatial = rank - 2;
        let (lhs, rhs) = self.axes(rank)?;
        self.padding.check(spatial)?;
        let stride = per_axis("stride", &self.stride, spatial, 1)?;
        let dilation = per_axis("dilation", &self.dilation, spatial, 1)?;
        let input_dilation = per_axis("input_dilation", &self.input_dilation, spatial, 1)?;
        let (mut low, mut high) = (vec![0; spatial], vec![0; spatial]);
        for position in 0..spatial {
            let extent = span(input[lhs[2 + position]], input_dilation[position]);
            let reach = span(kernel[rhs[2 + position]], dilation[position]);
            (low[position], high[position]) = self.padding.resolve(position, extent, reach, stride[position]);
        }
        Ok(ConvSpec {
            out: lhs.clone().into(),
            lhs: lhs.into(),
            rhs: rhs.into(),
            stride: stride.into(),
            low: low.into(),
            high: high.into(),
            lhs_dilation: input_dilation.into(),
            rhs_dilation: dilation.into(),
            feature_groups: self.groups,
            batch_groups: 1,
        })
    }

    /// The extents of the input of the convolution whose result has the extents `output`, on the spatial axes.
    fn input_extents(&self, output: &[usize], kernel: &[usize]) -> Result<Vec<usize>, String> {
        let (lhs, rhs) = self.axes(output.len())?;
        let spatial = output.len() - 2;
        let stride = per_axis("stride", &self.stride, spatial, 1)?;
        let dilation = per_axis("dilation", &self.dilation, spatial, 1)?;
        if ![0, spatial].contains(&self.output_padding.len()) {
            return Err(format!("output_padding for {} axes, expected {spatial}", self.output_padding.len()));
        }
        let mut extents = Vec::with_capacity(spatial);
        for position in 0..spatial {
            let (places, step) = (output[lhs[2 + position]], stride[position]);
            let extra = self.output_padding.get(position).copied().unwrap_or(0);
            if extra > 0 && (extra >= step || self.padding == Padding::Same) {
                return Err(format!(
                    "output_padding {extra}, expected less than the stride {step}, and none with same padding"
                ));
            }
            let reach = span(kernel[rhs[2 + position]], dilation[position]);
            let least = places.saturating_sub(1).saturating_mul(step).saturating_add(reach).saturating_add(extra);
            extents.push(match &self.padding {
                Padding::Same => places.saturating_mul(step),
                Padding::Valid | Padding::Explicit(_) => {
                    let (low, high) = self.padding.resolve(position, 0, reach, step);
                    let extent = least as i128 - i128::from(low) - i128::from(high);
                    usize::try_from(extent)
                        .map_err(|_| format!("padding {low} and {high}: the result would have the extent {extent}"))?
                }
            });
        }
        Ok(extents)
    }
}

fn distinct(letters: &[char]) -> bool {
    letters.iter().enumerate().all(|(position, letter)| !letters[..position].contains(letter))
}

/// Convolutions.
impl<'g> Tensor<'g> {
    /// The convolution with a kernel, as the subject calls it: a correlation, the kernel is not reversed.
    ///
    /// With the default layouts, an input `[n, c, h, w]` and a kernel `[o, c / groups, kh, kw]` give `[n, o, h', w']`, where `h'`
    /// is the number of places the kernel has: `⌊(h + padding - (dilation (kh - 1) + 1)) / stride⌋ + 1`. One or three spatial
    /// axes, or none, work alike.
    #[track_caller]
    pub fn conv(self, kernel: Tensor<'g>, conv: &Conv) -> Self {
        let graph = self.graph();
        if !conv.output_padding.is_empty() {
            return graph.fail("conv", "output_padding is for transposed convolutions");
        }
        match conv.resolve(&self.dims(), &kernel.dims()) {
            Ok(spec) => graph.emit(Op::Conv(Box::new(spec)), &[self, kernel]),
            Err(message) => graph.fail("conv", message),
        }
    }

    /// The transposed convolution: the transpose, as a linear map, of the convolution with this kernel. It is what the derivative
    /// of [`Tensor::conv`] by its input does.
    ///
    /// With the default layouts, an input `[n, o, h', w']` and a kernel `[o, c / groups, kh, kw]` give `[n, c, h, w]` with `h =
    /// (h' - 1) stride + dilation (kh - 1) + 1 - padding + output_padding`; with [`Padding::Same`], `h = h' stride`.
    #[track_caller]
    pub fn conv_transpose(self, kernel: Tensor<'g>, conv: &Conv) -> Self {
        let graph = self.graph();
        match conv.transposed(&self.dims(), &kernel.dims()) {
            Ok((spec, reversed)) => {
                let kernel = kernel.reverse(reversed);
                let (kernel, rhs) = kernel.swap_features(&spec.rhs, conv.groups);
                graph.emit(Op::Conv(Box::new(ConvSpec { rhs, ..spec })), &[self, kernel])
            }
            Err(message) => graph.fail("conv_transpose", message),
        }
    }

    /// The kernel with output and input features exchanged within each group, and its axes.
    #[track_caller]
    fn swap_features(self, axes: &[usize], groups: usize) -> (Self, Axes) {
        let order: Vec<isize> = axes.iter().map(|axis| axis.cast_signed()).collect();
        let dims = self.dims();
        let (outputs, inputs) = (dims[axes[0]], dims[axes[1]]);
        if groups == 1 || !outputs.is_multiple_of(groups) {
            let exchanged = [axes[1], axes[0]].iter().chain(&axes[2..]).copied().collect();
            return (self, exchanged);
        }
        let spatial: Vec<usize> = axes[2..].iter().map(|&axis| dims[axis]).collect();
        let grouped = [&[groups, outputs / groups, inputs], &spatial[..]].concat();
        let kernel = self.permute(order).reshape_to(&grouped).swap_axes(1, 2);
        let kernel = kernel.reshape_to(&[&[groups * inputs, outputs / groups], &spatial[..]].concat());
        (kernel, (0..axes.len()).collect())
    }
}

impl Conv {
    /// The attributes of the transpose for an input and a kernel of these extents, with the kernel's axes not exchanged yet, and
    /// the axes on which it is reversed.
    fn transposed(&self, input: &[usize], kernel: &[usize]) -> Result<(ConvSpec, Vec<isize>), String> {
        if !self.input_dilation.is_empty() {
            return Err("input_dilation, which is called stride in a transposed convolution".into());
        }
        if input.len() < 2 || kernel.len() != input.len() {
            return Err(format!("extents {input:?} of the input and {kernel:?} of the kernel, expected as many axes"));
        }
        let mut spec = self.resolve(input, kernel)?;
        let extents = self.input_extents(input, kernel)?;
        for (position, &extent) in extents.iter().enumerate() {
            let (stride, dilation) = (spec.stride[position], spec.rhs_dilation[position]);
            let reach = span(kernel[spec.rhs[2 + position]], dilation);
            let (low, _) = self.padding.resolve(position, extent, reach, stride);
            let spread = span(input[spec.lhs[2 + position]], stride);
            let before = reach as i128 - 1 - i128::from(low);
            // So much behind that the result has the extent.
            let behind = extent as i128 - 1 + reach as i128 - spread as i128 - before;
            let fits = |padding: i128| i64::try_from(padding).map_err(|_| format!("padding by {padding}"));
            (spec.low[position], spec.high[position]) = (fits(before)?, fits(behind)?);
            (spec.stride[position], spec.lhs_dilation[position]) = (1, stride);
        }
        let reversed = spec.rhs[2..].iter().map(|axis| axis.cast_signed()).collect();
        Ok((spec, reversed))
    }
}
