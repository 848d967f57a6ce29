//! The scalar functions that generated code may call: on its slow paths, and instead of long code for rare functions.
//!
//! They are double-precision functions of the `libm` crate (a port of musl's, so the same on every
//! machine) and of [`special`], behind the C calling convention. Single-precision lanes are widened before the call
//! and rounded after it. A module that is to contain math functions imports them by
//! [`ExternFn::name`]; a JIT registers [`ExternFn::address`] under that name, an object file has to
//! be linked with something that exports it.

use cranelift_codegen::ir::{
    AbiParam, ExtFuncData, ExternalName, FuncRef, Function, Signature, UserExternalName, types,
};
use cranelift_codegen::isa::CallConv;
use cranelift_module::{FuncId, Linkage, Module, ModuleResult};

use super::special;

/// Where the functions under construction get their references to scalar functions from.
pub trait ExternFns {
    /// The reference by which `func` calls `callee`, declared in the module and in `func` on first
    /// use. Asking twice for the same pair should give the same reference.
    fn func_ref(&mut self, func: &mut Function, callee: ExternFn) -> FuncRef;
}

macro_rules! externs {
    (unary { $($variant:ident => $source:ident::$function:ident,)* }
     binary { $($variant2:ident => $source2:ident::$function2:ident,)* }) => {
        /// A scalar function of `f64`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ExternFn {
            $(#[doc = concat!("`", stringify!($function), "(x)`.")] $variant,)*
            $(#[doc = concat!("`", stringify!($function2), "(x, y)`.")] $variant2,)*
        }

        impl ExternFn {
            /// Every function.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)* $(Self::$variant2,)*];

            /// The symbol under which a module imports the function.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("pullback_math_", stringify!($function)),)*
                    $(Self::$variant2 => concat!("pullback_math_", stringify!($function2)),)*
                }
            }

            /// The address of the function in this process.
            pub fn address(self) -> *const u8 {
                match self {
                    $(Self::$variant => $function as extern "C" fn(f64) -> f64 as *const u8,)*
                    $(Self::$variant2 => $function2 as extern "C" fn(f64, f64) -> f64 as *const u8,)*
                }
            }

            /// How many `f64` arguments it takes: one or two.
            pub fn arity(self) -> usize {
                match self {
                    $(Self::$variant => 1,)*
                    $(Self::$variant2 => 2,)*
                }
            }
        }

        $(extern "C" fn $function(x: f64) -> f64 { $source::$function(x) })*
        $(extern "C" fn $function2(x: f64, y: f64) -> f64 { $source2::$function2(x, y) })*
    };
}

externs! {
    unary {
        Cbrt => libm::cbrt, Sin => libm::sin, Cos => libm::cos, Tan => libm::tan,
        Asin => libm::asin, Acos => libm::acos, Atan => libm::atan, Sinh => libm::sinh, Cosh => libm::cosh,
        Erf => libm::erf, Erfc => libm::erfc, Exp => libm::exp, Exp2 => libm::exp2, Expm1 => libm::expm1,
        Log => libm::log, Log2 => libm::log2, Log1p => libm::log1p, Tanh => libm::tanh,
        Lgamma => special::lgamma, Digamma => special::digamma, ErfInv => special::erf_inv,
        BesselI0e => special::bessel_i0e, BesselI1e => special::bessel_i1e,
    }
    binary { Atan2 => libm::atan2, Pow => libm::pow, Fmod => libm::fmod, Polygamma => special::polygamma, }
}

impl ExternFn {
    /// The signature of the function under the given calling convention, which is the target's C
    /// convention.
    pub fn signature(self, convention: CallConv) -> Signature {
        let mut signature = Signature::new(convention);
        signature.params = vec![AbiParam::new(types::F64); self.arity()];
        signature.returns.push(AbiParam::new(types::F64));
        signature
    }
}

macro_rules! libcalls {
    ($($name:literal $wrapper:ident $float:ident $function:path,)*) => {
        /// The functions that Cranelift itself calls, by C's names, to round to integers on x86-64
        /// processors without SSE4.1. A JIT registers them, because a process need not export C's.
        pub fn rounding_libcalls() -> [(&'static str, *const u8); 8] {
            [$(($name, $wrapper as extern "C" fn($float) -> $float as *const u8),)*]
        }

        $(extern "C" fn $wrapper(x: $float) -> $float { $function(x) })*
    };
}

libcalls! {
    "floorf" floor32 f32 libm::floorf,
    "floor" floor64 f64 libm::floor,
    "ceilf" ceil32 f32 libm::ceilf,
    "ceil" ceil64 f64 libm::ceil,
    "truncf" trunc32 f32 libm::truncf,
    "trunc" trunc64 f64 libm::trunc,
    "nearbyintf" nearest32 f32 libm::rintf,
    "nearbyint" nearest64 f64 libm::rint,
}

/// The scalar functions as imports of one module.
#[derive(Clone, Debug)]
pub struct ExternTable {
    convention: CallConv,
    ids: Vec<FuncId>,
}

impl ExternTable {
    /// Declares every scalar function as an import of the module.
    ///
    /// # Errors
    /// When the module already has one of the names with another signature.
    #[allow(clippy::result_large_err, reason = "the module's own error type")]
    pub fn declare(module: &mut dyn Module) -> ModuleResult<Self> {
        let convention = module.isa().default_call_conv();
        let ids = ExternFn::ALL
            .iter()
            .map(|f| module.declare_function(f.name(), Linkage::Import, &f.signature(convention)))
            .collect::<ModuleResult<_>>()?;
        Ok(Self { convention, ids })
    }

    /// The references of one function under construction. Start a new one for every function.
    pub fn for_function(&self) -> FunctionExterns<'_> {
        FunctionExterns { table: self, refs: vec![None; self.ids.len()] }
    }
}

/// [`ExternFns`] for one function of a module; it does not borrow the module.
#[derive(Clone, Debug)]
pub struct FunctionExterns<'t> {
    table: &'t ExternTable,
    refs: Vec<Option<FuncRef>>,
}

impl ExternFns for FunctionExterns<'_> {
    fn func_ref(&mut self, func: &mut Function, callee: ExternFn) -> FuncRef {
        let index = callee as usize;
        *self.refs[index].get_or_insert_with(|| {
            // What `Module::declare_func_in_func` does for an import.
            let signature = func.import_signature(callee.signature(self.table.convention));
            let name = func.declare_imported_user_function(UserExternalName {
                namespace: 0,
                index: self.table.ids[index].as_u32(),
            });
            func.import_function(ExtFuncData {
                name: ExternalName::user(name),
                signature,
                colocated: false,
                patchable: false,
            })
        })
    }
}
