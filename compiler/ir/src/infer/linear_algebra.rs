//! Types of linear algebra on matrices in the last two axes, and of random bits.

use super::{Message, same_type};
use crate::types::{DType, Type};

/// The extent of the last two axes, which must be equal.
pub(super) fn square(x: &Type) -> Result<usize, Message> {
    let extents = x.shape.extents();
    match extents[..] {
        [.., rows, columns] if rows == columns => Ok(rows),
        _ => Err(format!("the operand {x} is not square in its last two axes")),
    }
}

pub(super) fn triangular_solve(a: &Type, b: &Type, left: bool) -> Result<Type, Message> {
    let n = square(a)?;
    if a.dtype != b.dtype {
        return Err(format!("the operands {a} and {b} differ in element type"));
    }
    let (a_extents, b_extents) = (a.shape.extents(), b.shape.extents());
    let batch = a_extents.len() - 2;
    let axis = if left { batch } else { batch + 1 };
    if b_extents.len() != a_extents.len() || b_extents[..batch] != a_extents[..batch] {
        return Err(format!("the operands {a} and {b} differ in their batch axes"));
    }
    if b_extents[axis] != n {
        return Err(format!("axis {axis} of {b} has extent {}, expected {n} as the matrix {a} has", b_extents[axis]));
    }
    Ok(b.clone())
}

pub(super) fn random_bits(key: &Type, ty: &Type) -> Result<Type, Message> {
    let expected = Type::new(DType::I32, &[2]).map_err(|error| error.to_string())?;
    same_type(key, &expected)?;
    match ty.dtype {
        DType::I32 | DType::I64 => Ok(ty.clone()),
        DType::F32 | DType::F64 | DType::U8 | DType::Bool => Err(format!("the result {ty}, expected i32 or i64")),
    }
}
