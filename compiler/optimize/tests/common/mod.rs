//! What the tests share: reading functions, special operands, comparing results.
#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback_interp::{Array, evaluate};
use pullback_ir::print::{PrintOptions, function_to_string};
use pullback_ir::{DType, Elements, FuncId, Function, Module, Scalar, Type, Verified, parse_module, verify};
use pullback_optimize::equality::same_function;
use pullback_optimize::passes::ELIMINATE_DEAD_CODE;

/// Reads and verifies a module.
pub(crate) fn module(text: &str) -> Verified<Module> {
    let module = parse_module(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    verify(module).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

/// Reads the only function of a module, written without `func @f`.
pub(crate) fn function(text: &str) -> (Verified<Module>, FuncId) {
    let module = module(&format!("func @f{text}"));
    let id = module.find("f").unwrap();
    (module, id)
}

/// The module with another body for one function.
pub(crate) fn with(module: &Verified<Module>, id: FuncId, function: Function) -> Verified<Module> {
    let mut copy = Module::clone(module);
    copy.replace(id, function);
    verify(copy).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Without instructions that nothing depends on.
pub(crate) fn live(module: &Verified<Module>, function: &Function) -> Function {
    (ELIMINATE_DEAD_CODE.run)(module, function).unwrap().into_owned()
}

pub(crate) fn text(module: &Module, function: &Function) -> String {
    function_to_string(module, function, PrintOptions::default())
}

/// Fails unless the functions are the same but for names.
pub(crate) fn assert_same(what: &str, found: &Function, module: &Verified<Module>, id: FuncId) {
    let expected = module.function(id);
    assert!(
        same_function(found, expected),
        "{what}: found\n{}expected\n{}",
        text(module, found),
        text(module, expected)
    );
}

const FLOATS: [f64; 16] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    2.5,
    -3.0,
    0.1,
    1e-45,
    -1e-310,
    3e38,
    -1.5e308,
    0.5,
    7.0,
];
const INTS: [i64; 12] = [0, 1, -1, 2, -2, 7, 255, i64::MAX, i64::MIN, i32::MAX as i64, i32::MIN as i64, 1 << 40];

/// The `index`-th special element of a type, periodically.
pub(crate) fn special(dtype: DType, index: usize) -> Scalar {
    match dtype {
        DType::F32 | DType::F64 => Scalar::from_f64(dtype, FLOATS[index % FLOATS.len()]),
        DType::I32 => Scalar::I32(INTS[index % INTS.len()] as i32),
        DType::I64 => Scalar::I64(INTS[index % INTS.len()]),
        DType::U8 => Scalar::U8(INTS[index % INTS.len()] as u8),
        DType::Bool => Scalar::Bool(index.is_multiple_of(2)),
    }
}

/// An array of special elements; `seed` shifts them.
pub(crate) fn special_array(ty: &Type, seed: usize) -> Array {
    let scalars: Vec<Scalar> = (0..ty.elements()).map(|i| special(ty.dtype, i + seed)).collect();
    Array { shape: ty.shape.clone(), elements: Elements::from_scalars(ty.dtype, &scalars).unwrap() }
}

/// An array of small whole numbers, whose sums and products are exact in any order.
pub(crate) fn whole_array(ty: &Type, seed: usize) -> Array {
    let value = |i: usize| ((i * 7 + seed * 13) % 11) as f64 - 5.0;
    let scalars: Vec<Scalar> = (0..ty.elements()).map(|i| Scalar::from_f64(ty.dtype, value(i))).collect();
    Array { shape: ty.shape.clone(), elements: Elements::from_scalars(ty.dtype, &scalars).unwrap() }
}

/// Whether elements are the same bits, or both NaN, or, where sums may differ in it, zeros of either sign.
fn agree(x: Scalar, y: Scalar, signed_zeros: bool) -> bool {
    let (a, b) = (x.to_f64(), y.to_f64());
    x == y || (a.is_nan() && b.is_nan()) || (!signed_zeros && x.dtype().is_float() && a == 0.0 && b == 0.0)
}

/// A small generator of random numbers (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    pub(crate) fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// How to compare two programs.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Compare {
    /// Special operands, the same bits.
    Exactly,
    /// Special operands, zeros may differ in sign: for sums of one term.
    ButForZeroSigns,
    /// Whole numbers: for sums whose order changes.
    OnWholeNumbers,
}

/// Fails unless a function of two modules gives the same results on many operands.
pub(crate) fn assert_agree(what: &str, a: &Verified<Module>, b: &Verified<Module>, id: FuncId, compare: Compare) {
    assert_agree_on(what, a, b, id, compare, 1);
}

/// As [`assert_agree`], on every `step`-th set of operands.
pub(crate) fn assert_agree_on(
    what: &str,
    a: &Verified<Module>,
    b: &Verified<Module>,
    id: FuncId,
    compare: Compare,
    step: usize,
) {
    let types: Vec<Type> = a.function(id).param_types().cloned().collect();
    // Parameters advance at different speeds, so that all pairs of special elements meet.
    let rounds = if compare == Compare::OnWholeNumbers { 4 } else { 16 * 17 };
    for round in (0..rounds).step_by(step) {
        let inputs: Vec<Array> = types
            .iter()
            .enumerate()
            .map(|(position, ty)| match compare {
                Compare::OnWholeNumbers => whole_array(ty, round + position),
                Compare::Exactly | Compare::ButForZeroSigns => {
                    special_array(ty, if position % 2 == 0 { round } else { round / 16 + position })
                }
            })
            .collect();
        let before = evaluate(a, id, &inputs).unwrap();
        let after = evaluate(b, id, &inputs).unwrap();
        for (x, y) in before.iter().zip(&after) {
            assert_eq!(x.shape, y.shape, "{what}");
            for (p, q) in x.elements.iter().zip(y.elements.iter()) {
                assert!(
                    agree(p, q, compare == Compare::Exactly),
                    "{what}: {p} became {q} for {inputs:?}\n{}{}",
                    text(a, a.function(id)),
                    text(b, b.function(id))
                );
            }
        }
    }
}
