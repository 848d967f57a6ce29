//! Vectors of more than 128 bits: the bits of scalars and of the interpreter. Where the processor has none there is nothing to test.

use pullback_codegen::Options;
use pullback_ir::{Binary, DType, Elements, Scalar, Unary};
use pullback_loops::{Expr, Var, interpret, parse_program, verify};
use pullback_runtime::{ArgRef, Element};

use super::support::{compiled_text, has_wide_vectors, lanes_of, map, pairs};

/// Usual arguments, the limits of reductions and polynomials, and what takes slow paths.
const ARGUMENTS: [f64; 37] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.49,
    0.6875,
    1.25,
    -2.5,
    3.5,
    9.0,
    -10.5,
    17.0,
    -80.0,
    88.5,
    120.0,
    -700.0,
    709.5,
    1e-30,
    -1e-5,
    1e-310,
    2e-45,
    40000.0,
    -2.1e6,
    1e22,
    -1e300,
    3.3e38,
    170.3,
    0.999,
    -0.999,
    2.0,
    f64::INFINITY,
    f64::NEG_INFINITY,
    f64::NAN,
    -0.75,
    33.0,
    -17.25,
];

/// A float with its bits, one NaN for all.
trait Float: Element {
    fn of(x: f64) -> Self;
    fn bits(self) -> u64;
}

impl Float for f32 {
    fn of(x: f64) -> Self {
        x as Self
    }
    fn bits(self) -> u64 {
        u64::from(if self.is_nan() { Self::NAN.to_bits() } else { self.to_bits() })
    }
}

impl Float for f64 {
    fn of(x: f64) -> Self {
        x
    }
    fn bits(self) -> u64 {
        if self.is_nan() { Self::NAN.to_bits() } else { self.to_bits() }
    }
}

/// Checks that vectors of any width compute what scalars compute.
fn check_widths<T: Float>(what: &str, dtype: DType, operands: &[&[T]], expr: impl Fn(&[Var]) -> Expr) {
    let all = |lanes| {
        let found = map::<T, T>((dtype, dtype, lanes), operands, |_, vars| expr(vars));
        // The baseline rounds products that are added twice.
        found.first().map(|native| native.iter().map(|x| x.bits()).collect::<Vec<u64>>())
    };
    let expected = all(1);
    for &lanes in &lanes_of(dtype)[1..] {
        if let Some(found) = all(lanes) {
            assert_eq!(Some(found), expected, "{what} of {dtype}x{lanes}");
        }
    }
}

fn check_functions<T: Float>(dtype: DType) {
    let x = ARGUMENTS.map(T::of);
    for &op in Unary::ALL.iter().filter(|op| op.info().domain.contains(dtype)) {
        check_widths(&format!("{op:?}"), dtype, &[&x], |v| Expr::Unary(op, v[0]));
    }
    let (x, y) = pairs(&x);
    for &op in Binary::ALL.iter().filter(|op| op.info().domain.contains(dtype)) {
        check_widths(&format!("{op:?}"), dtype, &[&x, &y], |v| Expr::Binary(op, v[0], v[1]));
    }
    check_widths("a product and a sum", dtype, &[&x, &y], |v| Expr::MulAdd(v[0], v[1], v[0]));
}

#[test]
fn functions_have_the_same_bits_at_every_width() {
    check_functions::<f32>(DType::F32);
    check_functions::<f64>(DType::F64);
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + 11) % 101) as f32 / 7.0 - 6.0).collect()
}

/// The results of a program with one input and results of `f32` are those of the interpreter.
fn check(text: &str, x: &[f32]) {
    let program = verify(parse_program(text).unwrap_or_else(|error| panic!("{error}\n{text}"))).unwrap();
    let expected = interpret(&program, &[Elements::F32(x.to_vec())]).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let expected: Vec<Vec<u64>> = expected.iter().map(|result| result.iter().map(scalar_bits).collect()).collect();
    let options = Options { verify: true, threads: 2, ..Options::default() };
    let found = compiled_text(text, &options).executable.run(&[ArgRef::from(x)]).unwrap().into_iter();
    let found: Vec<Vec<u64>> =
        found.map(|result| result.as_slice::<f32>().unwrap().iter().map(|x| x.bits()).collect()).collect();
    assert_eq!(found, expected, "{text}");
}

fn scalar_bits(x: Scalar) -> u64 {
    match x {
        Scalar::F32(x) => x.bits(),
        other => panic!("{other}"),
    }
}

#[test]
fn truth_values_choose_between_lanes_of_any_width() {
    if !has_wide_vectors() {
        return;
    }
    // Compared as `f32`, chosen between as `f64` and the other way around, by way of a carried value.
    for (lanes, compared, chosen) in [(4, "f32", "f64"), (8, "f32", "f64"), (4, "f64", "f32"), (8, "f64", "f32")] {
        let text = format!(
            "program @f {{ buffer %x : f32[32] input 0 buffer %y : f32[{lanes}] output 0 arena 0
               kernel @k \"\" {{
                 v0 = const false : boolx{lanes}
                 v1 = for i0 = 0 to 32 step {lanes} carry (v2 = v0 : boolx{lanes}) {{
                   v3 = load %x[i0] : f32x{lanes}
                   v4 = convert v3 : {compared}x{lanes}
                   v5 = const 5.5 : {compared}x{lanes}
                   v6 = compare gt v4, v5 : boolx{lanes}
                   v7 = xor v2, v6 : boolx{lanes}
                   yield v7
                 }}
                 v8 = position 3 stride 2 : {chosen}x{lanes}
                 v9 = position 40 stride -1 : {chosen}x{lanes}
                 v10 = select v1, v8, v9 : {chosen}x{lanes}
                 v11 = convert v1 : {chosen}x{lanes}
                 v12 = add v10, v11 : {chosen}x{lanes}
                 v13 = convert v12 : f32x{lanes}
                 store %y[0], v13
               }} }}"
        );
        check(&text, &numbers(32));
    }
}

#[test]
fn a_comparison_of_scalars_is_a_number_whether_it_is_a_mask_or_a_byte() {
    for (compared, comparison) in [("f32", "gt"), ("f64", "le"), ("f32", "ne")] {
        let text = format!(
            "program @f {{ buffer %x : f32[9] input 0 buffer %y : f32[9] output 0 buffer %z : f32[9] output 1 buffer %b : bool[9] arena 0 arena 64
               kernel @k \"\" {{
                 for i0 = 0 to 9 step 1 {{
                   v0 = load %x[i0] : f32
                   v1 = convert v0 : {compared}
                   v2 = const 4.0 : {compared}
                   v3 = compare {comparison} v1, v2 : bool
                   v4 = convert v3 : f64
                   v5 = convert v4 : f32
                   store %y[i0], v5
                   v6 = compare {comparison} v1, v2 : bool
                   store %b[i0], v6
                   v7 = load %b[i0] : bool
                   v8 = convert v7 : f32
                   v9 = add v8, v5 : f32
                   store %z[i0], v9
                 }}
               }} }}"
        );
        check(&text, &numbers(9));
    }
}

/// Kernels emitted in place, with wide vectors and without, in loops and cases; `%y` has 16 elements of each iteration.
fn steps(parallel: &str) -> String {
    let space = if parallel.is_empty() { "arena" } else { "local" };
    let kernel = |name: &str, first: u32, body: &str| {
        format!("kernel @{name} \"\" {{ v{first} = load %x[16*i0] : f32x16 {body} }}")
    };
    let (negated, doubled, squared) = (
        kernel("negated", 10, "v11 = neg v10 : f32x16 store %y[16*i0], v11"),
        kernel("doubled", 20, "v21 = add v20, v20 : f32x16 store %y[16*i0], v21"),
        kernel("squared", 30, "v31 = mul v30, v30 : f32x16 store %y[16*i0], v31"),
    );
    format!(
        "program @f {{ buffer %x : f32[96] input 0 buffer %y : f32[96] output 0 buffer %z : f32[6] output 1
           buffer %which : i32[1] {space} 0 buffer %go : bool[1] {space} 64 arena 128 local 128
           {parallel}loop i0 = 0 to 6 {{
             kernel @choose \"\" {{ v0 = position i0 - 1 : i32 store %which[0], v0 v1 = const true : bool store %go[0], v1 }}
             branch %which[0] {{ case {{ {negated} }} case {{ {doubled} }} case {{ {squared} }} case {{ kernel @copied \"\" {{
               for i1 = 0 to 16 step 4 {{ v40 = load %x[16*i0 + i1] : f32x4 store %y[16*i0 + i1], v40 }} }} }} }}
             while bound 3 {{
               condition %go[0] {{ kernel @nothing \"\" {{ v50 = const false : bool store %go[0], v50 }} }}
               body {{ kernel @more \"\" {{ v60 = load %y[16*i0 + 8] : f32x8 v61 = add v60, v60 : f32x8 store %y[16*i0 + 8], v61 }} }}
             }}
             kernel @sum \"\" {{ v70 = load %y[16*i0] : f32x16 v71 = reduce_lanes add v70 : f32 store %z[i0], v71 }}
           }} }}"
    )
}

#[test]
fn loops_and_cases_run_kernels_with_wide_vectors_in_place() {
    if !has_wide_vectors() {
        return;
    }
    check(&steps(""), &numbers(96));
    check(&steps("parallel "), &numbers(96));
}
