//! Functions of the tensor IR whose positions are known at run time, or that write their results in parts: every operation, in every element type that it
//! takes, with odd and empty shapes and with indices that are outside. Shared by the suites of the loop IR and of code generation.
#![allow(dead_code, unreachable_pub, reason = "each suite uses its own part")]

mod linear_algebra;
mod slices;
mod vectors;
mod windows;

use pullback_interp::{Array, Scalar};
use pullback_ir::{DType, Elements, Module, Type, Verified, parse_module, verify};

/// A module's last function, and how exactly its results have to be the interpreter's.
pub struct Program {
    pub text: String,
    /// The difference of `f64` results relative to the larger of 1 and the result, 0 for the same numbers; times 1e9 for `f32`, which is about the ratio of the
    /// roundings.
    pub tolerance: f64,
    /// Whether inputs have NaN, infinities and signed zeros among them.
    pub special: bool,
}

pub fn exact(text: String) -> Program {
    Program { text, tolerance: 0.0, special: false }
}

pub fn special(text: String) -> Program {
    Program { text, tolerance: 0.0, special: true }
}

pub fn close(text: String, tolerance: f64) -> Program {
    Program { text, tolerance, special: false }
}

/// Every program.
pub fn all() -> Vec<Program> {
    let mut all = slices::programs();
    all.extend(vectors::programs());
    all.extend(windows::programs());
    all.extend(linear_algebra::programs());
    all
}

pub fn module(text: &str) -> Verified<Module> {
    let module = parse_module(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    verify(module).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// Pseudo-random numbers (the constants are Knuth's, for MMIX).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(2).wrapping_add(1))
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Small multiples of a quarter, of which many are equal and sums are exact; integers from -3 to 12, some outside of whatever they index.
pub fn input(random: &mut Random, ty: &Type, special: bool) -> Array {
    let mut elements = Elements::empty(ty.dtype, ty.elements());
    for _ in 0..ty.elements() {
        let whole = random.below(16) as f64 - 3.0;
        let scalar = match ty.dtype {
            DType::F32 | DType::F64 => {
                let rare = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, 0.0];
                let is_rare = special && random.below(3) == 0;
                let x = if is_rare { rare[random.below(5) as usize] } else { (random.below(24) as f64 - 12.0) / 4.0 };
                Scalar::from_f64(ty.dtype, x)
            }
            DType::I32 | DType::I64 => Scalar::from_f64(ty.dtype, whole),
            DType::U8 => Scalar::U8(random.below(16) as u8),
            DType::Bool => Scalar::Bool(random.below(2) == 1),
        };
        assert!(elements.push(scalar));
    }
    Array::new(ty.shape.clone(), elements).unwrap()
}

impl Program {
    /// The inputs of a run.
    pub fn inputs(&self, module: &Module, seed: u64) -> Vec<Array> {
        let function = module.functions().last().unwrap().1;
        let mut random = Random::new(seed);
        function.param_types().map(|ty| input(&mut random, ty, self.special)).collect()
    }

    /// Whether a result is what it should be; if not, where it is not.
    pub fn check(&self, found: &Elements, expected: &Array) -> Result<(), String> {
        assert_eq!((found.dtype(), found.len()), (expected.elements.dtype(), expected.elements.len()));
        let tolerance = self.tolerance * if found.dtype() == DType::F32 { 1e9 } else { 1.0 };
        for (position, (x, y)) in found.iter().zip(expected.elements.iter()).enumerate() {
            let (a, b) = (x.to_f64(), y.to_f64());
            // Integers of 64 bits are not all doubles.
            let same = x.bits() == y.bits() || (x.dtype().is_float() && (a == b || a.is_nan() && b.is_nan()));
            let is_close = (a - b).abs() <= tolerance * b.abs().max(1.0);
            if !same && !is_close {
                return Err(format!("element {position}: {x}, expected {y}\n{}", self.text));
            }
        }
        Ok(())
    }
}

/// A function of one instruction.
pub fn single(params: &str, op: &str, result: &str) -> String {
    format!("func @f({params}) -> {result} {{\n  %r = {op} : {result}\n  return %r\n}}\n")
}
