//! `conv`: the windows of the padded operand, contracted with the kernel.
//!
//! Two formulations. In general a `dot`, whose contracted axes are those of the kernel *in the kernel's order*, so that they are one axis to the packed
//! kernel and the kernel is read as it lies in memory; the windows, which it needs in memory, are stored in that order. With few output features per group
//! (depthwise convolutions, signals with one channel) there is no reuse for which windows would be worth storing: a sum of products over the view, a plain loop.
//!
//! Groups become a batch axis of the contraction. Axes of the kernel with one position are left out, so a convolution with a 1×1 kernel is a product of
//! matrices.

use pullback_ir::op::ConvSpec;
use pullback_ir::{Builder, DotDims, Shape, Value};

use super::TooLarge;
use super::pooling::{Along, padded, view};

/// The most output features of a group for which products are summed without storing windows.
const FEW_OUTPUTS: usize = 4;

/// What an axis is to the convolution.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Role {
    Group,
    Batch,
    Output,
    /// The axis of the result along a spatial axis.
    Spatial(usize),
    Input,
    /// The positions in a window along a spatial axis.
    Window(usize),
}

/// A tensor and what its axes are.
struct Tensor {
    value: Value,
    roles: Vec<Role>,
}

impl Tensor {
    fn axis(&self, role: Role) -> Option<usize> {
        self.roles.iter().position(|&found| found == role)
    }

    /// The axes with these roles, for those that there are.
    fn axes(&self, roles: &[Role]) -> Vec<usize> {
        roles.iter().filter_map(|&role| self.axis(role)).collect()
    }

    /// Splits the axis of `role` into `groups` and the rest; nothing for one group.
    fn split(&mut self, b: &Builder<'_>, role: Role, groups: usize) -> Result<(), TooLarge> {
        let Some(axis) = self.axis(role).filter(|_| groups > 1) else { return Ok(()) };
        let mut extents = b.shape(self.value).extents();
        extents[axis] /= groups;
        extents.insert(axis, groups);
        self.value = b.reshape(self.value, &shape(&extents)?);
        self.roles.insert(axis, Role::Group);
        Ok(())
    }

    /// The tensor with its axes in the order of these roles, all of which it has.
    fn ordered(self, b: &Builder<'_>, roles: Vec<Role>) -> Self {
        Self { value: b.transpose(self.value, self.axes(&roles)), roles }
    }

    /// The tensor repeated along the roles that it has not; the order of the others is kept.
    fn repeated(self, b: &Builder<'_>, roles: &[Role], shape: &Shape) -> Value {
        let own: Vec<Role> = roles.iter().copied().filter(|&role| self.axis(role).is_some()).collect();
        let dims: Vec<usize> = (0..roles.len()).filter(|&axis| own.contains(&roles[axis])).collect();
        b.broadcast(self.ordered(b, own).value, shape, dims)
    }
}

fn shape(extents: &[usize]) -> Result<Shape, TooLarge> {
    Shape::new(extents).map_err(|error| TooLarge(format!("an intermediate of it: {error}")))
}

pub(super) fn conv(b: &Builder<'_>, x: Value, kernel: Value, spec: &ConvSpec) -> Result<Value, TooLarge> {
    let group = spec.feature_groups.max(spec.batch_groups);
    let extents = b.shape(kernel).extents();
    let outputs = extents[spec.rhs[0]] / group;
    let x = windows(b, x, &extents, spec)?;
    let kernel = positions(b, kernel, spec)?;
    // The result's axes, with the groups in front of the output features, which are numbered group by group.
    let mut out = vec![Role::Batch; spec.out.len()];
    out[spec.out[1]] = Role::Output;
    for s in 0..spec.stride.len() {
        out[spec.out[2 + s]] = Role::Spatial(s);
    }
    if group == 1 {
        return product(b, x, kernel, &out, outputs);
    }
    out.insert(spec.out[1], Role::Group);
    let product = product(b, x, kernel, &out, outputs)?;
    let mut extents = b.shape(product).extents();
    extents.remove(spec.out[1]);
    extents[spec.out[1]] = outputs * group;
    Ok(b.reshape(product, &shape(&extents)?))
}

/// The sum of products of windows and kernel, with its axes in the order `out`.
fn product(b: &Builder<'_>, x: Tensor, kernel: Tensor, out: &[Role], outputs: usize) -> Result<Value, TooLarge> {
    if outputs <= FEW_OUTPUTS { sum(b, x, kernel, out) } else { Ok(dot(b, x, kernel, out)) }
}

/// The windows of the padded left operand along the spatial axes on which the kernel, of these extents, has more than one position. Groups are split
/// off before: a reshape of a view would have it stored.
fn windows(b: &Builder<'_>, x: Value, kernel: &[usize], spec: &ConvSpec) -> Result<Tensor, TooLarge> {
    let spatial = spec.stride.len();
    let mut roles = vec![Role::Batch; spec.lhs.len()];
    roles[spec.lhs[1]] = Role::Input;
    for s in 0..spatial {
        roles[spec.lhs[2 + s]] = Role::Spatial(s);
    }
    let mut x = Tensor { value: x, roles };
    x.split(b, Role::Input, spec.feature_groups)?;
    x.split(b, Role::Batch, spec.batch_groups)?;
    let rank = x.roles.len();
    let (mut low, mut high, mut dilation) = (vec![0; rank], vec![0; rank], vec![1; rank]);
    let (mut along, mut wide) = (Vec::new(), Vec::new());
    for (axis, role) in x.roles.iter().enumerate() {
        let &Role::Spatial(s) = role else { continue };
        (low[axis], high[axis], dilation[axis]) = (spec.low[s], spec.high[s], spec.lhs_dilation[s]);
        let size = kernel[spec.rhs[2 + s]];
        along.push(Along { axis, size, stride: spec.stride[s], dilation: spec.rhs_dilation[s] });
        // The positions in windows follow in order of the axes.
        wide.extend((size > 1).then_some(Role::Window(s)));
    }
    x.value = padded(b, x.value, 0.0, &low, &high, &dilation);
    (x.value, _) = view(b, x.value, &along)?;
    x.roles.extend(wide);
    Ok(x)
}

/// The kernel without the spatial axes that have one position, and groups split off.
fn positions(b: &Builder<'_>, kernel: Value, spec: &ConvSpec) -> Result<Tensor, TooLarge> {
    let extents = b.shape(kernel).extents();
    let mut roles = vec![Some(Role::Output); spec.rhs.len()];
    roles[spec.rhs[1]] = Some(Role::Input);
    for s in 0..spec.stride.len() {
        let axis = spec.rhs[2 + s];
        roles[axis] = (extents[axis] > 1).then_some(Role::Window(s));
    }
    let kept = extents.iter().zip(&roles).filter(|(_, role)| role.is_some());
    let value = b.reshape(kernel, &shape(&kept.map(|(&extent, _)| extent).collect::<Vec<_>>())?);
    let mut kernel = Tensor { value, roles: roles.into_iter().flatten().collect() };
    kernel.split(b, Role::Output, spec.feature_groups.max(spec.batch_groups))?;
    Ok(kernel)
}

/// What is summed over, in the kernel's order.
fn summed(x: &Tensor, kernel: &Tensor) -> Vec<Role> {
    kernel.roles.iter().copied().filter(|&role| role != Role::Group && x.axis(role).is_some()).collect()
}

/// Whether what lies side by side in memory is summed over; it stays so in what is stored, and is moved in vectors. Along a spatial axis that is the positions in
/// a window, or the windows, whichever are more: a weight's gradient has few large windows.
fn rows_are_contracted(b: &Builder<'_>, x: &Tensor) -> bool {
    let extents = b.shape(x.value).extents();
    let extent = |role: Role| x.axis(role).map_or(1, |axis| extents[axis]);
    // An axis of one position does not tell what lies side by side.
    match x.roles.iter().rfind(|&&role| !matches!(role, Role::Window(_)) && extent(role) > 1) {
        Some(&Role::Spatial(s)) => extent(Role::Window(s)) > extent(Role::Spatial(s)),
        last => last == Some(&Role::Input),
    }
}

/// The contraction, with its axes in the order `out`.
fn dot(b: &Builder<'_>, x: Tensor, kernel: Tensor, out: &[Role]) -> Value {
    let contracted = summed(&x, &kernel);
    let free: Vec<Role> = out.iter().copied().filter(|role| !matches!(role, Role::Group | Role::Output)).collect();
    let group: Vec<Role> = out.iter().copied().filter(|&role| role == Role::Group).collect();
    let sums_rows = rows_are_contracted(b, &x);
    let x = if sums_rows {
        x.ordered(b, [&group[..], &free, &contracted].concat())
    } else {
        x.ordered(b, [&group[..], &contracted, &free].concat())
    };
    let kernel = if kernel.axes(&contracted).windows(2).all(|pair| pair[0] + 1 == pair[1]) {
        kernel
    } else {
        // Output features between contracted axes keep these from being one.
        kernel.ordered(b, [&group[..], &[Role::Output], &contracted].concat())
    };
    // Where rows of both are summed over one of them has to be turned around: the kernel, which is smaller than the windows.
    let kernel_is_first = out.last() != Some(&Role::Output) && !sums_rows;
    let (first, second) = if kernel_is_first { (&kernel, &x) } else { (&x, &kernel) };
    let dims = DotDims {
        lhs_batch: first.axes(&group).into(),
        rhs_batch: second.axes(&group).into(),
        lhs_contract: first.axes(&contracted).into(),
        rhs_contract: second.axes(&contracted).into(),
    };
    let value = b.dot(first.value, second.value, dims);
    let mut roles = group;
    if kernel_is_first {
        roles.push(Role::Output);
        roles.extend(free);
    } else {
        roles.extend(free);
        roles.push(Role::Output);
    }
    Tensor { value, roles }.ordered(b, out.to_vec()).value
}

/// The sum of products over the views, with its axes in the order `out`.
fn sum(b: &Builder<'_>, x: Tensor, kernel: Tensor, out: &[Role]) -> Result<Value, TooLarge> {
    let roles = [out, &summed(&x, &kernel)].concat();
    let extent = |role: Role| {
        let of = |tensor: &Tensor| tensor.axis(role).and_then(|axis| b.shape(tensor.value).extent(axis));
        of(&x).or_else(|| of(&kernel)).unwrap_or(1)
    };
    let all = shape(&roles.iter().map(|&role| extent(role)).collect::<Vec<_>>())?;
    let product = b.mul(x.repeated(b, &roles, &all), kernel.repeated(b, &roles, &all));
    Ok(b.reduce_add(product, (out.len()..roles.len()).collect::<Vec<_>>()))
}
