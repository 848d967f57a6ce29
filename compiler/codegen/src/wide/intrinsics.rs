//! Operations on vectors that Cranelift's IR has no instruction for at widths other than 128 bits.
//!
//! In the IR each is a call of a function which nobody defines, in a name space of its own; [`super`] makes an instruction or two of it. Cranelift's own
//! code generator would leave an undefined symbol, so they are only for functions that are compiled here.

use cranelift_codegen::ir::{
    AbiParam, ExtFuncData, ExternalName, FuncRef, Function, Signature, Type, UserExternalName, types,
};
use cranelift_codegen::isa::CallConv;

/// The name space of the functions that stand for intrinsics; a module numbers its functions in name space 0.
const NAMESPACE: u32 = 0x7669;

/// An operation. `V` is a vector type, `V/2` that with half the lanes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Intrinsic {
    /// `(V) -> V/2`: lanes `0..n/2`.
    LowHalf,
    /// `(V) -> V/2`: lanes `n/2..n`.
    HighHalf,
    /// `(V/2, V/2) -> V`: the lanes of the first operand, then those of the second.
    Concat,
    /// `(f32xN) -> f64xN`, exact; N is 2, 4 or 8.
    Promote,
    /// `(f64xN) -> f32xN`, rounded to nearest; N is 2, 4 or 8.
    Demote,
    /// `(V, V, IV) -> V`, where `IV` has integers as wide as the lanes: lane `l` is lane `i[l]` of the first operand where that is below `n`, and lane `i[l] - n` of the second otherwise.
    Permute,
    /// `(i8xN) -> i32xN` or `i64xN`, filled with zeros.
    Widen,
    /// `(i32xN) -> i8xN` or `(i64xN) -> i8xN`: the lowest bytes.
    Narrow,
    /// `(f32xN) -> i32xN`, `(f64xN) -> i64xN`, or the same of scalars (`f32` and `f64` each to `i32` or `i64`): rounded towards zero; the least integer where the
    /// result does not fit, and for NaN.
    Truncate,
    /// `(iNxL) -> iMxL` with N and M 32 or 64: a mask, of which all bits of a lane are equal, as lanes of the other width with all those bits.
    MaskAs,
    /// `(V, V) -> V` for floats, or the same of scalars: `x · 2^n` with n the largest integer not above the second operand, rounded once.
    Scale,
}

impl Intrinsic {
    const ALL: [Self; 11] = [
        Self::LowHalf,
        Self::HighHalf,
        Self::Concat,
        Self::Promote,
        Self::Demote,
        Self::Permute,
        Self::Widen,
        Self::Narrow,
        Self::Truncate,
        Self::MaskAs,
        Self::Scale,
    ];

    /// The function to call, declared on first use.
    pub(crate) fn declare(self, func: &mut Function, params: &[Type], result: Type) -> FuncRef {
        let matches = |found: &Signature| {
            found.params.iter().map(|param| param.value_type).eq(params.iter().copied())
                && found.returns.iter().map(|found| found.value_type).eq([result])
        };
        let known = func.dfg.ext_funcs.iter().find(|(_, data)| {
            Self::named(func, &data.name) == Some(self) && matches(&func.dfg.signatures[data.signature])
        });
        if let Some((reference, _)) = known {
            return reference;
        }
        let mut signature = Signature::new(CallConv::SystemV);
        signature.params = params.iter().copied().map(AbiParam::new).collect();
        signature.returns.push(AbiParam::new(result));
        let signature = func.import_signature(signature);
        let name = UserExternalName { namespace: NAMESPACE, index: self as u32 };
        let name = ExternalName::user(func.declare_imported_user_function(name));
        func.import_function(ExtFuncData { name, signature, colocated: false, patchable: false })
    }

    /// The intrinsic that a function stands for, if it does.
    pub(crate) fn named(func: &Function, name: &ExternalName) -> Option<Self> {
        let &ExternalName::User(name) = name else { return None };
        let UserExternalName { namespace, index } = func.params.user_named_funcs()[name];
        if namespace == NAMESPACE { Self::ALL.get(index as usize).copied() } else { None }
    }
}

/// The vector type with half the lanes.
pub(crate) fn half(ty: Type) -> Type {
    ty.lane_type().by(ty.lane_count() / 2).unwrap_or(types::INVALID)
}
