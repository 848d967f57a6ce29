//! A function with `f64` in the place of `f32`, so that differences are not drowned by rounding.

use pullback_ir::rewrite::{ValueMap, map_results};
use pullback_ir::{BuildError, Builder, DType, Elements, Function, Inst, Literal, Module, Op, Scalar, Type};

use crate::error::Error;

/// Whether any value of the function is `f32`, those in its regions included.
pub(super) fn has_f32(function: &Function) -> bool {
    let results = function.insts().iter().flat_map(|&inst| function.inst_results(inst));
    let mut values = function.params().iter().chain(results);
    values.any(|&value| function.ty(value).dtype == DType::F32)
        || function.insts().iter().any(|&inst| function.region_functions(inst).iter().any(has_f32))
}

/// The function, which has no calls, computed in `f64`. Constants keep their values, and conversions to `f32` round no more.
///
/// # Errors
/// [`Error::Limit`] if an operation cannot be computed in `f64`.
pub(super) fn widen(function: &Function) -> Result<Function, Error> {
    let empty = Module::new();
    let b = Builder::new(&empty, &function.name);
    let mut map = ValueMap::new();
    for (position, &param) in function.params().iter().enumerate() {
        let name = function.value_name(param).map_or_else(|| format!("arg{position}"), |name| name.to_string());
        map.insert(param, b.param(&name, wide(function.ty(param))));
    }
    for &inst in function.insts() {
        widen_inst(&b, function, inst, &mut map)?;
    }
    let results = map.expect_all(&b, function.results());
    let limit = |error: BuildError| {
        Error::Limit(format!("@{} cannot be computed in f64: {}: {}", function.name, error.op, error.message))
    };
    b.finish(&results).map_err(limit)
}

fn widen_inst(b: &Builder<'_>, function: &Function, inst: Inst, map: &mut ValueMap) -> Result<(), Error> {
    b.set_provenance(function.provenance(inst).clone());
    let args = map.expect_all(b, function.args(inst));
    // What the other operations compute in follows from their operands.
    let op = match function.op(inst) {
        // Nothing is left of a conversion between floats.
        Op::Convert(dtype) if dtype.is_float() && function.ty(function.args(inst)[0]).dtype.is_float() => {
            map_results(b, function, inst, &args, map);
            return Ok(());
        }
        Op::Convert(DType::F32) => Op::Convert(DType::F64),
        Op::Constant(literal) if literal.ty().dtype == DType::F32 => {
            let values: Vec<f64> = literal.to_elements().iter().map(Scalar::to_f64).collect();
            let wide = Literal::dense(literal.ty().shape.clone(), Elements::F64(values));
            wide.map_or_else(|| Op::Constant(literal.clone()), |wide| Op::Constant(wide.into()))
        }
        Op::Iota { ty, axis } => Op::Iota { ty: Box::new(wide(ty)), axis: *axis },
        op => op.clone(),
    };
    let regions: Vec<Function> = function.region_functions(inst).iter().map(widen).collect::<Result<_, _>>()?;
    let results = b.emit_structured(op, &args, &regions);
    map_results(b, function, inst, &results, map);
    Ok(())
}

/// The type with `f64` in the place of `f32`.
pub(super) fn wide(ty: &Type) -> Type {
    if ty.dtype == DType::F32 { ty.with_dtype(DType::F64) } else { ty.clone() }
}
