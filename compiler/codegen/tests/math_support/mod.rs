//! Shared by the vector math tests and the `math_accuracy` example: compiles `y[i] = f(x[i])`, as a function for
//! Cranelift or as a program, and measures errors in ulp.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests; each one uses a part of this"
)]

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{AbiParam, BlockArg, InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{JITBuilder, JITModule};
use cranelift_module::{Linkage, Module, default_libcall_names};
use pullback_codegen::isa::vector_bytes;
use pullback_codegen::math::{
    ExternFn, ExternTable, InCode, MathBinary, MathBuilder, MathUnary, emit_binary, emit_unary, rounding_libcalls,
};
use pullback_codegen::{Features, Options, compile};
use pullback_loops::{parse_program, verify};
use pullback_runtime::{ArgMut, ArgRef, Executable, Parameter, Signature};

pub mod reference;
pub mod table;

/// What to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    Unary(MathUnary),
    Binary(MathBinary),
}

impl Function {
    pub fn name(self) -> &'static str {
        match self {
            Self::Unary(f) => f.name(),
            Self::Binary(f) => f.name(),
        }
    }
}

/// How to compile it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Variant {
    /// A function that Cranelift compiles, of 128-bit vectors or scalars, with fused multiply-add or without.
    Cranelift { vector: bool, fma: bool, isa: Isa },
    /// A program, as users get it, of vectors of so many bits; of scalars with zero.
    Program { features: Features, bits: usize },
}

/// For which processors Cranelift compiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    Native,
    /// The first x86-64.
    Oldest,
}

impl Variant {
    /// Cranelift's, for the processor we run on.
    pub const fn cranelift(vector: bool, fma: bool) -> Self {
        Self::Cranelift { vector, fma, isa: Isa::Native }
    }

    /// Programs with all features of the processor: of scalars, then of vectors of every width that there is.
    pub fn programs() -> Vec<Self> {
        let widest = 8 * vector_bytes(Features::Native);
        let widths = [0, 128, 256, 512].into_iter().filter(|&bits| bits <= widest);
        widths.map(|bits| Self::Program { features: Features::Native, bits }).collect()
    }

    /// Programs as they are lowered for these features.
    pub fn widest(features: Features) -> Self {
        Self::Program { features, bits: 8 * vector_bytes(features) }
    }

    /// Whether the code has fused multiply-add.
    pub fn fma(self) -> bool {
        match self {
            Self::Cranelift { fma, .. } => fma,
            Self::Program { features: Features::Baseline, .. } => false,
            Self::Program { features: Features::Native | Features::Vectors128, .. } => has_fma(),
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn has_fma() -> bool {
    is_x86_feature_detected!("fma")
}

#[cfg(not(target_arch = "x86_64"))]
fn has_fma() -> bool {
    true
}

/// A float that kernels can be compiled for.
pub trait Element: pullback_runtime::Element + Send + Sync + std::fmt::Debug {
    const TYPE: Type;
    const ZERO: Self;
    fn bits(self) -> u64;
    fn is_nan(self) -> bool;
}

impl Element for f32 {
    const TYPE: Type = types::F32;
    const ZERO: Self = 0.0;
    fn bits(self) -> u64 {
        u64::from(self.to_bits())
    }
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

impl Element for f64 {
    const TYPE: Type = types::F64;
    const ZERO: Self = 0.0;
    fn bits(self) -> u64 {
        self.to_bits()
    }
    fn is_nan(self) -> bool {
        self.is_nan()
    }
}

type Code<T> = unsafe extern "C" fn(*const T, *const T, *mut T, i64);

/// `out[i] = f(x[i], y[i])` in machine code.
pub enum Kernel<T> {
    Cranelift {
        code: Code<T>,
        // Owns the code's memory, which is freed with the process.
        _module: Box<JITModule>,
    },
    /// For [`COUNT`] elements.
    Program(Executable),
}

/// The elements of a call of a program.
const COUNT: usize = 4096;

// SAFETY: the code is immutable once finalized and has no state; the module is never touched again.
unsafe impl<T> Sync for Kernel<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Kernel<T> {}

impl<T: Element> Kernel<T> {
    /// Compiles the function.
    pub fn new(function: Function, variant: Variant) -> Self {
        match variant {
            Variant::Cranelift { vector, fma, isa } => Self::with_cranelift(function, vector, fma, isa),
            Variant::Program { features, bits } => Self::Program(program::<T>(function, features, bits)),
        }
    }

    fn with_cranelift(function: Function, vector: bool, fma: bool, isa: Isa) -> Self {
        let mut flags = settings::builder();
        flags.set("opt_level", "none").unwrap();
        let isa = match isa {
            Isa::Native => cranelift_native::builder().unwrap(),
            Isa::Oldest => cranelift_codegen::isa::lookup(target_lexicon::Triple::host()).unwrap(),
        };
        let isa = isa.finish(settings::Flags::new(flags)).unwrap();
        let mut jit = JITBuilder::with_isa(isa, default_libcall_names());
        for &f in ExternFn::ALL {
            jit.symbol(f.name(), f.address());
        }
        for (name, address) in rounding_libcalls() {
            jit.symbol(name, address);
        }
        let mut module = JITModule::new(jit);
        let externs = ExternTable::declare(&mut module).unwrap();
        let mut context = module.make_context();
        let pointer = module.target_config().pointer_type();
        context.func.signature.params = [pointer, pointer, pointer, types::I64].map(AbiParam::new).to_vec();
        let mut frontend = FunctionBuilderContext::new();
        let mut builder = FunctionBuilder::new(&mut context.func, &mut frontend);
        let mut externs = externs.for_function();
        let (ty, lanes) = if vector {
            let lanes = 16 / T::TYPE.bytes();
            (T::TYPE.by(lanes).unwrap(), i64::from(lanes))
        } else {
            (T::TYPE, 1)
        };
        build_loop(&mut builder, ty, lanes, |builder, x, y| {
            let mut m = MathBuilder { builder, fma, wide: false, externs: &mut externs, constants: &mut InCode };
            match function {
                Function::Unary(f) => emit_unary(&mut m, f, x),
                Function::Binary(f) => emit_binary(&mut m, f, x, y),
            }
        });
        builder.finalize(module.target_config());
        let id = module.declare_function("kernel", Linkage::Export, &context.func.signature).unwrap();
        module.define_function(id, &mut context).unwrap();
        module.finalize_definitions().unwrap();
        let address = module.get_finalized_function(id);
        // SAFETY: the function was just compiled with exactly this signature.
        let code = unsafe { std::mem::transmute::<*const u8, Code<T>>(address) };
        Self::Cranelift { code, _module: Box::new(module) }
    }

    /// Applies the function elementwise. The length is a multiple of the lanes of any type.
    pub fn apply(&self, x: &[T], y: &[T], out: &mut [T]) {
        assert!(x.len() == out.len() && y.len() == out.len() && out.len().is_multiple_of(4));
        match self {
            // SAFETY: all three slices have the given length, a multiple of the lanes, and the code
            // reads and writes only them.
            Self::Cranelift { code, .. } => unsafe { code(x.as_ptr(), y.as_ptr(), out.as_mut_ptr(), out.len() as i64) },
            Self::Program(executable) => {
                for ((x, y), out) in x.chunks(COUNT).zip(y.chunks(COUNT)).zip(out.chunks_mut(COUNT)) {
                    call(executable, x, y, out);
                }
            }
        }
    }

    /// Applies the function to any number of elements.
    pub fn map(&self, x: &[T], y: &[T]) -> Vec<T> {
        let pad = |s: &[T]| {
            let mut s = s.to_vec();
            s.resize(s.len().next_multiple_of(4), T::ZERO);
            s
        };
        let (px, py) = (pad(x), pad(y));
        let mut out = vec![T::ZERO; px.len()];
        self.apply(&px, &py, &mut out);
        out.truncate(x.len());
        out
    }
}

fn program<T: Element>(function: Function, features: Features, bits: usize) -> Executable {
    let lanes = (bits / 8 / size_of::<T>()).max(1);
    let element = if size_of::<T>() == 4 { "f32" } else { "f64" };
    let vector = if lanes == 1 { element.to_owned() } else { format!("{element}x{lanes}") };
    let operands = match function {
        Function::Unary(_) => "v0",
        Function::Binary(_) => "v0, v1",
    };
    let text = format!(
        "program @f {{
           buffer %x : {element}[{COUNT}] input 0 buffer %y : {element}[{COUNT}] input 1 buffer %z : {element}[{COUNT}] output 0 arena 0
           kernel @k \"\" {{
             for i0 = 0 to {COUNT} step {lanes} {{
               v0 = load %x[i0] : {vector} v1 = load %y[i0] : {vector} v2 = {name} {operands} : {vector} store %z[i0], v2
             }} }} }}",
        name = function.name()
    );
    let program = verify(parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}")));
    let program = program.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let parameter = |name: &str| Parameter { name: name.to_owned(), dtype: T::DTYPE, shape: vec![COUNT] };
    let signature = Signature {
        name: "f".to_owned(),
        inputs: vec![parameter("x"), parameter("y")],
        outputs: vec![parameter("z")],
        donated: vec![],
    };
    let options = Options { features, ..Options::default() };
    compile(&program, signature, &options).unwrap_or_else(|error| panic!("{error}\n{text}")).executable
}

/// Calls a program with at most as many elements as it is for.
fn call<T: Element>(executable: &Executable, x: &[T], y: &[T], out: &mut [T]) {
    if out.len() == COUNT {
        executable.call(&[ArgRef::from(x), ArgRef::from(y)], &mut [ArgMut::from(out)]).unwrap();
    } else {
        let pad = |s: &[T]| [s, &vec![T::ZERO; COUNT - s.len()]].concat();
        let mut padded = vec![T::ZERO; COUNT];
        call(executable, &pad(x), &pad(y), &mut padded);
        out.copy_from_slice(&padded[..out.len()]);
    }
}

fn build_loop(
    builder: &mut FunctionBuilder<'_>,
    ty: Type,
    lanes: i64,
    body: impl FnOnce(&mut FunctionBuilder<'_>, Value, Value) -> Value,
) {
    let entry = builder.create_block();
    let head = builder.create_block();
    let inside = builder.create_block();
    let exit = builder.create_block();
    builder.append_block_params_for_function_params(entry);
    builder.switch_to_block(entry);
    let params = builder.block_params(entry).to_vec();
    let zero = builder.ins().iconst(types::I64, 0);
    builder.ins().jump(head, &[BlockArg::Value(zero)]);
    builder.switch_to_block(head);
    let i = builder.append_block_param(head, types::I64);
    let more = builder.ins().icmp(IntCC::SignedLessThan, i, params[3]);
    builder.ins().brif(more, inside, &[], exit, &[]);
    builder.switch_to_block(inside);
    let shift = builder.ins().iconst(types::I64, i64::from(ty.lane_bits().ilog2()) - 3);
    let offset = builder.ins().ishl(i, shift);
    let flags = MemFlagsData::new().with_notrap();
    let at = |builder: &mut FunctionBuilder<'_>, base| builder.ins().iadd(base, offset);
    let (px, py, pout) = (at(builder, params[0]), at(builder, params[1]), at(builder, params[2]));
    let x = builder.ins().load(ty, flags, px, 0);
    let y = builder.ins().load(ty, flags, py, 0);
    let result = body(builder, x, y);
    builder.ins().store(flags, result, pout, 0);
    let step = builder.ins().iconst(types::I64, lanes);
    let next = builder.ins().iadd(i, step);
    builder.ins().jump(head, &[BlockArg::Value(next)]);
    builder.switch_to_block(exit);
    builder.ins().return_(&[]);
    builder.seal_all_blocks();
}

/// The distance of `got` from the exact value `want`, in units in the last place of a single of
/// `want`'s magnitude. Infinite when one is a NaN and the other is not, or when signs differ.
pub fn ulp_f32(got: f32, want: f64) -> f64 {
    if want.is_nan() || got.is_nan() {
        return if want.is_nan() == got.is_nan() { 0.0 } else { f64::INFINITY };
    }
    if got.is_sign_negative() != want.is_sign_negative() {
        return f64::INFINITY;
    }
    // An infinity stands for the next number after the largest.
    let limit = 2f64.powi(128);
    let (got, want) = (f64::from(got).abs().min(limit), want.abs().min(limit));
    let exponent = ((want.to_bits() >> 52) as i32 - 1023).clamp(-126, 127);
    let ulp = f64::from_bits(((exponent - 23 + 1023) as u64) << 52);
    (got - want).abs() / ulp
}
