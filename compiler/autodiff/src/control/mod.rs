//! Differentiation of structured control flow.
//!
//! A region is a function, so its derivative is that of a function: [`trace`](crate::trace) or [`split`](crate::linearize::split) it, and put the parts into
//! instructions of the same kind. What that means for each kind is a file here; this one has what they share.
//!
//! Two modes. *Joint*: primal and tangents come out of one instruction, as forward mode wants. *Split*: a primal instruction that also yields
//! the residuals, and a linear one that takes them and the tangents; reverse mode transposes the latter ([`transpose`](transpose())).
//!
//! Invariant: a linear instruction made here has its linear operands where its regions are linear in the parameters, and transposes to an
//! instruction of the same kind.

mod branch;
mod custom;
mod depth;
mod jvp_rule;
mod revolve;
mod scan;
mod while_loop;

pub(crate) use depth::check_depth;
use pullback_ir::rewrite::{ValueMap, copy_inst};
use pullback_ir::{Builder, Function, Module, Op, Provenance, Type, Value};

use crate::emit;
use crate::error::Error;
use crate::reverse::Reverse;
use crate::trace::dependents;
use crate::transpose::Operand;

/// How derivatives of regions are put into instructions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// One instruction for primal and tangents.
    Joint,
    /// A primal instruction with residuals, then a linear one.
    Split,
}

/// An instruction with regions, to be differentiated.
pub(crate) struct Site<'a> {
    pub(crate) op: &'a Op,
    /// The regions, as functions.
    pub(crate) regions: Vec<Function>,
    pub(crate) args: Vec<Value>,
    /// The tangents of the operands; none is a symbolic zero.
    pub(crate) tangents: Vec<Option<Value>>,
    pub(crate) mode: Mode,
    /// The provenance of primal instructions, and of those made here.
    pub(crate) primal: Provenance,
    pub(crate) derived: Provenance,
}

/// What a site became.
pub(crate) struct Derived {
    /// The results of the primal.
    pub(crate) results: Vec<Value>,
    /// The position of the first instruction that is not the primal's.
    pub(crate) start: usize,
    /// The tangents of the results.
    pub(crate) tangents: Vec<Option<Value>>,
}

impl Site<'_> {
    fn active(&self) -> Vec<bool> {
        self.tangents.iter().map(Option::is_some).collect()
    }

    /// An error that names the operation and the user's line.
    fn no_rule(&self, message: impl Into<String>) -> Error {
        Error::NoRule { op: self.op.name(), message: message.into(), origin: self.primal.origin.clone() }
    }

    /// The region at a position; there is one for each that the operation has.
    fn region(&self, position: usize) -> Result<&Function, Error> {
        self.regions.get(position).ok_or_else(|| self.no_rule("a region is missing"))
    }

    /// The tangents at positions, constants for symbolic zeros.
    fn tangents_or_zeros(&self, b: &Builder<'_>, positions: impl Iterator<Item = usize>) -> Vec<Value> {
        positions.map(|at| self.tangents[at].unwrap_or_else(|| emit::zero(b, &b.ty(self.args[at])))).collect()
    }
}

/// Whether derivatives of the operation are made here.
pub(crate) const fn is_control(op: &Op) -> bool {
    matches!(
        op,
        Op::Scan(_)
            | Op::While(_)
            | Op::Cond
            | Op::Switch
            | Op::CustomDerivative(_)
            | Op::TransposeRule { .. }
            | Op::Checkpoint
    )
}

/// Builds primal and tangents of an instruction with regions, some of whose operands have tangents.
pub(crate) fn differentiate(b: &Builder<'_>, site: &Site<'_>) -> Result<Derived, Error> {
    match site.op {
        Op::Scan(spec) => scan::differentiate(b, site, spec),
        Op::While(spec) => while_loop::differentiate(b, site, spec),
        Op::Cond | Op::Switch => branch::differentiate(b, site),
        Op::CustomDerivative(rule) => custom::differentiate(b, site, *rule),
        Op::Checkpoint => custom::checkpoint(b, site),
        Op::TransposeRule { .. } => Err(site.no_rule(
            "it is a linear map whose transpose alone is known, from a custom_derivative with a vjp rule; \
             only reverse mode goes through it: give a jvp rule instead",
        )),
        _ => Err(site.no_rule("it has no regions")),
    }
}

/// Builds the cotangents of the operands of a linear instruction with regions from those of its results.
pub(crate) fn transpose(
    b: &Builder<'_>,
    op: &Op,
    regions: &[Function],
    operands: &[Operand],
    cts: &[Option<Value>],
) -> Result<Vec<Option<Value>>, TransposeError> {
    match op {
        Op::Scan(spec) => scan::transpose(b, spec, regions, operands, cts),
        Op::Cond | Op::Switch => branch::transpose(b, op, regions, operands, cts),
        Op::TransposeRule { known } => custom::transpose_rule(b, *known, regions, operands, cts),
        Op::Checkpoint | Op::CustomDerivative(_) => custom::transpose_body(b, regions, operands, cts),
        _ => Err(TransposeError::NotLinear("a loop without a known number of iterations does not transpose")),
    }
}

/// Why an instruction did not transpose.
pub(crate) enum TransposeError {
    /// It is not linear in its linear operands.
    NotLinear(&'static str),
    /// What happened inside a region.
    Inside(Error),
}

impl From<Error> for TransposeError {
    fn from(error: Error) -> Self {
        Self::Inside(error)
    }
}

/// Appends the body of `function`, applied to `args`, and returns what its results became.
pub(crate) fn inline(b: &Builder<'_>, function: &Function, args: &[Value]) -> Vec<Value> {
    let provenance = b.provenance();
    let mut map = ValueMap::new();
    for (&param, &arg) in function.params().iter().zip(args) {
        map.insert(param, arg);
    }
    for &inst in function.insts() {
        copy_inst(b, function, inst, &mut map);
    }
    b.set_provenance(provenance);
    map.expect_all(b, function.results())
}

/// Transposes `function` into `b`: `known` has the values of the parameters it is not linear in, `cts` the cotangents of its results. Gives the
/// cotangents of the parameters, none for known ones and symbolic zeros.
pub(crate) fn transpose_into(
    b: &Builder<'_>,
    function: &Function,
    known: &[Option<Value>],
    cts: &[Option<Value>],
) -> Result<Vec<Option<Value>>, Error> {
    let mut map = ValueMap::new();
    let mut linear = Vec::new();
    for (&param, known) in function.params().iter().zip(known) {
        match known {
            Some(value) => map.insert(param, *value),
            None => linear.push(param),
        }
    }
    let provenance = b.provenance();
    let mut reverse = Reverse::new(b, function, dependents(function, &linear), map);
    reverse.name_after_tangents();
    for (&result, ct) in function.results().iter().zip(cts) {
        if let Some(ct) = ct {
            reverse.accumulate(result, *ct);
        }
    }
    reverse.step(function.insts())?;
    b.set_provenance(provenance);
    Ok(function.params().iter().map(|&param| reverse.cotangent(param)).collect())
}

/// A function built by `build` from parameters of these names and types: for regions whose building may fail.
fn region<'m>(
    module: &'m Module,
    provenance: &Provenance,
    params: &[(String, Type)],
    build: impl FnOnce(&Builder<'m>, &[Value]) -> Result<Vec<Value>, Error>,
) -> Result<Function, Error> {
    let b = Builder::new(module, "region");
    b.set_provenance(provenance.clone());
    let values: Vec<Value> = params.iter().map(|(name, ty)| b.param(name, ty.clone())).collect();
    let results = build(&b, &values)?;
    b.finish(&results).map_err(|error| Error::build("region", error))
}

/// The types of one position along axis 0 of scanned values.
fn element_type(ty: &Type) -> Type {
    let extents = ty.shape.extents();
    Type::new(ty.dtype, extents.get(1..).unwrap_or_default()).unwrap_or_else(|_| Type::scalar(ty.dtype))
}

/// Names for parameters of regions: those that the values have in `function`, or by position.
fn named(function: &Function, values: &[Value], suffix: &str) -> Vec<(String, Type)> {
    let name = |position: usize, value: Value| {
        function.value_name(value).map_or_else(|| format!("arg{position}{suffix}"), |name| format!("{name}{suffix}"))
    };
    values.iter().enumerate().map(|(at, &value)| (name(at, value), function.ty(value).clone())).collect()
}

impl Operand {
    /// The value of an operand that does not depend on the tangents.
    fn known(&self) -> Option<Value> {
        match self {
            Self::Known(value) => Some(*value),
            Self::Linear(_) => None,
        }
    }

    /// The type of one that does.
    const fn linear_type(&self) -> Option<&Type> {
        match self {
            Self::Linear(ty) => Some(ty),
            Self::Known(_) => None,
        }
    }
}
