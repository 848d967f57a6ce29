//! How wide vectors are: what holds a variable.

use cranelift_codegen::ir::{Type, Value, types};
use pullback_ir::DType;
use pullback_loops::VarType;

use super::kernel::Emitter;

/// Vectors of this many bytes Cranelift has code for.
const NARROW: u32 = 16;

/// The Cranelift type that holds a value of a type, if there is one; `wide` says whether of more than 128 bits.
///
/// The lanes of a `bool` are as wide as those of what goes with it in a vector of 128 bits. Wider vectors of other lanes have masks of their own, which
/// [`MathBuilder::mask_as`](crate::math::MathBuilder) makes of it.
pub(super) fn register_type(ty: VarType, wide: bool) -> Option<Type> {
    let lane = match (ty.dtype, ty.lanes) {
        (DType::U8 | DType::Bool, 1) => types::I8,
        (DType::U8, _) => return None,
        (DType::F32, _) => types::F32,
        (DType::F64, _) => types::F64,
        (DType::I32, _) => types::I32,
        (DType::I64, _) | (DType::Bool, 2) => types::I64,
        (DType::Bool, _) => types::I32,
    };
    let vector = lane.by(u32::from(ty.lanes))?;
    let is_held = ty.lanes == 1 || vector.bytes() == NARROW || wide && matches!(vector.bytes(), 32 | 64);
    is_held.then_some(vector)
}

impl Emitter<'_, '_> {
    /// Whether there may be vectors of more than 128 bits; vectors of any width are for [`crate::wide`] then.
    pub(super) const fn is_wide(&self) -> bool {
        self.env.settings.wide
    }

    /// A mask, of lanes as wide as those that were compared, as a variable of so many truth values holds it.
    pub(super) fn truth(&mut self, ty: VarType, mask: Value) -> Value {
        match register_type(VarType { dtype: DType::Bool, ..ty }, true) {
            Some(register) if ty.lanes > 1 => self.math().mask_as(register, mask),
            _ => mask,
        }
    }
}
