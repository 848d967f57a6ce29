//! What the op table says of derivatives, where a driver needs it before a rule is asked.

use pullback_ir::Op;
use pullback_ir::op::Derivative;

/// Whether a result of the operation can have a tangent that is not a symbolic zero.
pub(crate) const fn may_have_tangent(op: &Op) -> bool {
    match op.info().derivative {
        Derivative::None | Derivative::Zero => false,
        Derivative::Linear
        | Derivative::Bilinear
        | Derivative::UsesInput
        | Derivative::UsesOutput
        | Derivative::Call => true,
    }
}
