//! What is permitted where sums and products overflow, and what is not.

use pullback_interp::{Array, Scalar, Type};
use pullback_ir::{DType, Elements, parse_module};

use super::super::inputs::from_scalars;
use super::super::run::{Case, verified};
use super::Bounds;

const MAX: f64 = f64::MAX;

/// Which of these results a function of one vector may have.
fn permitted_of(ty: DType, body: &str, input: &[f64], candidates: &[f64]) -> Vec<bool> {
    let text =
        format!("func @f(%x: {ty}[{}]) -> {ty} {{\n{}\nreturn %y\n}}", input.len(), body.replace("T", ty.name()));
    let module = verified(parse_module(&text).unwrap_or_else(|errors| panic!("{errors}\n{text}")));
    let func = module.find("f").unwrap();
    let scalars: Vec<Scalar> = input.iter().map(|&x| Scalar::from_f64(ty, x)).collect();
    let inputs = vec![from_scalars(&Type::new(ty, &[input.len()]).unwrap(), &scalars)];
    let bounds = Bounds::of(&Case { module, func, inputs });
    let array = |x: f64| {
        let elements = Elements::from_scalars(ty, &[Scalar::from_f64(ty, x)]).unwrap();
        Array::new(pullback_ir::Shape::scalar(), elements).unwrap()
    };
    candidates.iter().map(|&x| bounds.check(&[array(x)]).is_ok()).collect()
}

const SUM: &str = "%y = reduce add %x, axes=[0] : T";
const PRODUCT: &str = "%y = reduce mul %x, axes=[0] : T";
const CANDIDATES: [f64; 6] = [0.0, 7.0, 1e30, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];

#[test]
fn a_sum_within_range_has_one_result() {
    let found = permitted_of(DType::F64, SUM, &[3.0, 4.0, 0.0], &CANDIDATES);
    assert_eq!(found, [false, true, false, false, false, false]);
}

#[test]
fn a_sum_may_overflow_to_the_side_whose_terms_are_out_of_range() {
    let candidates = [1e300, 1e301, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let above = [0.75 * MAX, 0.5 * MAX, -0.75 * MAX];
    let half =
        permitted_of(DType::F64, SUM, &above, &[0.5 * MAX, 0.4 * MAX, f64::INFINITY, f64::NEG_INFINITY, f64::NAN]);
    assert_eq!(half, [true, false, true, false, false]);
    let both = [MAX, MAX, -MAX, -MAX, 1e300];
    assert_eq!(permitted_of(DType::F64, SUM, &both, &candidates), [true, false, true, true, true]);
    let below = [-MAX, -MAX, f64::NEG_INFINITY, 1.0];
    assert_eq!(permitted_of(DType::F64, SUM, &below, &candidates), [false, false, false, true, false]);
    let opposed = [MAX, MAX, f64::NEG_INFINITY];
    assert_eq!(permitted_of(DType::F64, SUM, &opposed, &candidates), [false, false, false, true, true]);
}

#[test]
fn single_precision_overflows_where_the_interpreter_does_not() {
    let max = f64::from(f32::MAX);
    let found = permitted_of(
        DType::F32,
        SUM,
        &[max, 0.002 * max, -max, -0.001 * max],
        &[0.001 * max, 0.0011 * max, f64::INFINITY],
    );
    assert_eq!(found, [true, false, true]);
}

#[test]
fn a_product_may_be_infinite_where_its_large_factors_are_and_vanish_where_its_small_ones_do() {
    let candidates = [2.0, 3.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let within = [1e200, 1e-200, 2.0];
    assert_eq!(permitted_of(DType::F64, PRODUCT, &within, &candidates), [true, false, false, false, false, false]);
    let large = [1e200, 1e200, 1e-200, 1e-200, -2.0];
    let negated: Vec<f64> = candidates.iter().map(|x| -x).collect();
    // The small factors vanish too: any of the right sign.
    assert_eq!(permitted_of(DType::F64, PRODUCT, &large, &negated)[2..], [true, true, false, true]);
    let large_alone = permitted_of(
        DType::F64,
        PRODUCT,
        &[1e200, 1e200, 1e-150],
        &[1e250, 1.1e250, 0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN],
    );
    assert_eq!(large_alone, [true, false, false, true, false, false]);
    let zero = [1e200, 1e200, 0.0];
    assert_eq!(permitted_of(DType::F64, PRODUCT, &zero, &candidates), [false, false, true, false, false, true]);
    let small_zero = [1e200, 1e-200, 0.0];
    assert_eq!(permitted_of(DType::F64, PRODUCT, &small_zero, &candidates), [false, false, true, false, false, false]);
}

#[test]
fn what_overflow_leads_to_is_permitted_and_nothing_else() {
    let body = "%s = reduce add %x, axes=[0] : T
                %finite = is_finite %s : bool
                %two = constant 2 : T
                %three = constant 3 : T
                %y = select %finite, %two, %three : T";
    let candidates = [2.0, 3.0, 2.5, 2.00001, f64::INFINITY, f64::NAN];
    let found = permitted_of(DType::F64, body, &[0.75 * MAX, 0.5 * MAX, -0.75 * MAX], &candidates);
    assert_eq!(found, [true, true, false, false, false, false]);
    let found = permitted_of(DType::F64, body, &[0.5 * MAX, -0.5 * MAX, 0.25 * MAX], &candidates);
    assert_eq!(found, [true, false, false, false, false, false]);
}

#[test]
fn a_product_that_a_multiply_add_does_not_round_may_stay_finite() {
    let body = "%a = slice %x, start=[0], limit=[1] : T[1]
                %b = reshape %a : T
                %p = mul %b, %b : T
                %z = tanh %p : T
                %y = neg %z : T";
    assert_eq!(permitted_of(DType::F64, body, &[1e200], &[-1.0, 1.0, 0.0, f64::NAN]), [true, false, false, false]);
}
