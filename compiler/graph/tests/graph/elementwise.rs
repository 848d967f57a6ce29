//! Operators, literals, broadcasting, comparison, selection, powers.

use pullback_graph::{Graph, Tensor};
use pullback_ir::DType;

use crate::{counting, expect, values, vector};

#[test]
fn a_formula_reads_as_on_paper() {
    // (2·3 + 1)² + (4·3 + 1)² = 49 + 169
    expect(&[], &[218.0], |g| {
        let (a, w, b) = (vector(g, &[2.0, 4.0]), g.scalar(3.0), g.scalar(1.0));
        (a * w + b).powi(2).sum()
    });
}

#[test]
fn literals_stand_on_either_side_of_an_operator() {
    expect(&[2], &[0.5, 0.25], |g| 1.0 / vector(g, &[2.0, 4.0]));
    expect(&[2], &[1.0, -1.0], |g| 3 - vector(g, &[2.0, 4.0]));
    expect(&[2], &[4.0, 6.0], |g| 2.0 + vector(g, &[2.0, 4.0]));
    expect(&[2], &[1.0, 3.0], |g| 7 % vector(g, &[2.0, 4.0]));
    expect(&[2], &[3.0, 5.0], |g| (2.0 * vector(g, &[2.0, 4.0]) + 2.0) / 2 + 0.0f32);
    expect(&[2], &[-2.0, -4.0], |g| -vector(g, &[2.0, 4.0]));
}

#[test]
fn a_literal_takes_the_element_type_of_the_tensor() {
    let check = |dtype: DType| {
        let out = values(|g| vec![g.full(dtype, [2], 6) * 2.0 - 1]);
        assert_eq!(out[0].dtype(), dtype);
        assert_eq!(out[0].to_f64(), [11.0, 11.0]);
    };
    [DType::F32, DType::F64, DType::I32, DType::I64, DType::U8].into_iter().for_each(check);
}

#[test]
fn shapes_broadcast_from_the_right() {
    let column = [[0.0, 1.0, 2.0], [10.0, 11.0, 12.0]].concat();
    expect(&[2, 3], &column, |g| g.constant([0.0, 10.0], [2, 1]) + counting(g, &[3]));
    expect(&[2, 3], &column, |g| counting(g, &[3]) + g.constant([0.0, 10.0], [2, 1]));
    expect(&[1, 2], &[5.0, 6.0], |g| counting(g, &[2]) + g.constant([5.0], [1, 1]));
    expect(&[2, 2], &[7.0; 4], |g| g.scalar(7.0).broadcast_to([2, 2]));
    expect(&[0], &[], |g| g.zeros(DType::F64, [0]) + g.ones(DType::F64, [1]));
}

#[test]
fn integers_divide_and_wrap_as_the_table_says() {
    let out = values(|g| {
        let x = g.constant([7i32, -7], [2]);
        vec![x / 2, x % 2, x.powi(3), g.constant([200u8], [1]) + 100]
    });
    assert_eq!(out[0].to_f64(), [3.0, -3.0]);
    assert_eq!(out[1].to_f64(), [1.0, -1.0]);
    assert_eq!(out[2].to_f64(), [343.0, -343.0]);
    assert_eq!(out[3].to_f64(), [44.0]);
}

#[test]
fn every_function_of_one_tensor_is_the_one_it_is_named_after() {
    type Row = (for<'g> fn(Tensor<'g>) -> Tensor<'g>, fn(f64) -> f64);
    let table: [Row; 28] = [
        (|x| x.abs(), f64::abs),
        (|x| x.sign(), f64::signum),
        (|x| x.floor(), f64::floor),
        (|x| x.ceil(), f64::ceil),
        (|x| x.round(), f64::round_ties_even),
        (|x| x.exp(), f64::exp),
        (|x| x.exp2(), f64::exp2),
        (|x| x.expm1(), f64::exp_m1),
        (|x| x.log(), f64::ln),
        (|x| x.log2(), f64::log2),
        (|x| x.log1p(), f64::ln_1p),
        (|x| x.sqrt(), f64::sqrt),
        (|x| x.rsqrt(), |x| 1.0 / x.sqrt()),
        (|x| x.cbrt(), f64::cbrt),
        (|x| x.sin(), f64::sin),
        (|x| x.cos(), f64::cos),
        (|x| x.tan(), f64::tan),
        (|x| x.asin(), f64::asin),
        (|x| x.acos(), f64::acos),
        (|x| x.atan(), f64::atan),
        (|x| x.sinh(), f64::sinh),
        (|x| x.cosh(), f64::cosh),
        (|x| x.tanh(), f64::tanh),
        (|x| x.logistic(), |x| 1.0 / (1.0 + (-x).exp())),
        (|x| x.erf() + x.erfc(), |_| 1.0),
        (|x| x.recip(), |x| 1.0 / x),
        (|x| x.square(), |x| x * x),
        (|x| -x, |x| -x),
    ];
    for (tensor, number) in table {
        for x in [0.3, 0.5, 0.9] {
            expect(&[], &[number(x)], |g| tensor(g.scalar(x)));
        }
    }
    // Abramowitz and Stegun, table 7.1: erf(1).
    expect(&[], &[0.842_700_792_949_714_9], |g| g.scalar(1.0).erf());
}

#[test]
fn functions_of_two_tensors_take_their_operands_in_order() {
    expect(&[2], &[8.0, 9.0], |g| vector(g, &[2.0, 3.0]).pow(vector(g, &[3.0, 2.0])));
    expect(&[1], &[std::f64::consts::FRAC_PI_2], |g| vector(g, &[1.0]).atan2(0.0));
    expect(&[2], &[2.0, 5.0], |g| vector(g, &[-2.0, 5.0]).maximum(2));
    expect(&[2], &[-2.0, 2.0], |g| vector(g, &[-2.0, 5.0]).minimum(2));
}

#[test]
fn comparisons_and_logic_make_truth_values() {
    let out = values(|g| {
        let x = vector(g, &[1.0, 2.0, 3.0, f64::NAN]);
        let (low, high) = (x.lt(2), x.gt(2));
        vec![
            low,
            x.le(2),
            high,
            x.ge(2),
            x.eq_(2),
            x.ne_(2),
            !low,
            low | high,
            low & high,
            low ^ high,
            x.is_nan(),
            x.is_finite(),
        ]
    });
    let expected: [[u8; 4]; 12] = [
        [1, 0, 0, 0],
        [1, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 1, 1, 0],
        [0, 1, 0, 0],
        [1, 0, 1, 1],
        [0, 1, 1, 1],
        [1, 0, 1, 0],
        [0, 0, 0, 0],
        [1, 0, 1, 0],
        [0, 0, 0, 1],
        [1, 1, 1, 0],
    ];
    for (found, expected) in out.iter().zip(expected) {
        assert_eq!(found.dtype(), DType::Bool);
        assert_eq!(found.to_f64(), expected.map(f64::from));
    }
}

#[test]
fn selection_broadcasts_all_three() {
    expect(&[2, 2], &[1.0, 5.0, 2.0, 5.0], |g| {
        let pred = g.constant([true, false], [2]);
        pred.select(g.constant([1.0, 2.0], [2, 1]), 5)
    });
    expect(&[2], &[1.0, 0.0], |g| vector(g, &[1.0, 2.0]).where_(g.constant([true, false], [2]), 0.0));
    expect(&[3], &[-1.0, 0.5, 1.0], |g| vector(g, &[-3.0, 0.5, 3.0]).clamp(-1, g.scalar(1.0)));
}

#[test]
fn conversion_is_explicit() {
    let out = values(|g| {
        let x = g.constant([1.75f32, -1.75, 300.0], [3]);
        vec![x.to(DType::I32), x.to(DType::U8), x.to(DType::Bool), x.gt(0).to(DType::F64)]
    });
    assert_eq!(out[0].to_f64(), [1.0, -1.0, 300.0]);
    assert_eq!(out[1].to_f64(), [1.0, 0.0, 255.0]);
    assert_eq!(out[2].to_f64(), [1.0, 1.0, 1.0]);
    assert_eq!(out[3].to_f64(), [1.0, 0.0, 1.0]);
}

#[test]
fn integer_powers_are_products() {
    for n in [-7, -2, -1, 0, 1, 2, 3, 4, 5, 8, 13, 31] {
        // Powers of 2 are exact, whatever the order of the products.
        expect(&[2], &[2f64.powi(n), (-0.5f64).powi(n)], |g| vector(g, &[2.0, -0.5]).powi(n));
    }
    expect(&[1], &[1.0], |g| vector(g, &[f64::NAN]).powi(0));
    expect(&[1], &[0.0], |g| vector(g, &[2.0]).powi(i32::MIN));
}

#[test]
fn constants_have_the_elements_asked_for() {
    expect(&[2, 2], &[1.0, 0.0, 0.0, 1.0], |g| g.eye(DType::F64, 2));
    expect(&[2, 3], &[0.0, 0.0, 0.0, 1.0, 1.0, 1.0], |g| g.iota(DType::F64, [2, 3], 0));
    expect(&[2, 3], &[0.0, 1.0, 2.0, 0.0, 1.0, 2.0], |g| g.iota(DType::F64, [2, 3], -1));
    expect(&[2], &[0.0, 1.0], |g| g.arange(DType::I64, 2));
    expect(&[1, 2], &[1.0, 1.0], |g| g.ones(DType::U8, [1, 2]));
    expect(&[1], &[f64::NEG_INFINITY], |g| g.full(DType::F32, [1], f64::NEG_INFINITY));
}

#[test]
fn a_handle_knows_its_type() {
    let module = pullback_ir::Module::new();
    let g = Graph::new(&module, "f");
    let x = g.input("x", DType::F32, [2, 3]);
    assert_eq!((x.dtype(), x.dims(), x.rank(), x.size()), (DType::F32, vec![2, 3], 2, 6));
    assert_eq!(format!("{:?}", x), "%x: f32[2,3]");
    assert_eq!(format!("{:?}", (x + 1).named("x")), "%x_1: f32[2,3]");
}

#[test]
fn bits_of_integers_combine_and_shift() {
    let out = values(|g| {
        let (x, y) = (g.constant([12i32, -1, 7], [3]), g.constant([10i32, 5, 0], [3]));
        vec![x & y, x | y, x ^ y, !x, x << 2, x >> 1, x.shift_right_logical(28), x.count_ones(), x << y]
    });
    let expected = [
        [8, 5, 0],
        [14, -1, 7],
        [6, !5, 7],
        [!12, 0, !7],
        [48, -4, 28],
        [6, -1, 3],
        [0, 15, 0],
        [2, 32, 3],
        [12 << 10, -32, 7],
    ];
    for (found, expected) in out.iter().zip(expected) {
        assert_eq!(found.to_f64(), expected.map(f64::from));
    }
    // Amounts that are not below the number of bits leave nothing, or the sign.
    expect(&[4], &[0.0, 0.0, -1.0, 0.0], |g| {
        let x = g.constant([1i32, -8, -8, -8], [4]);
        let amount = g.constant([32i32, 40, 99, -1], [4]);
        let right = g.constant([false, false, true, false], [4]);
        right.select(x >> amount, x << amount)
    });
}

#[test]
fn bits_change_their_type() {
    expect(&[2], &[f64::from(1.0f32.to_bits()), f64::from(0x8000_0000_u32.cast_signed())], |g| {
        g.constant([1.0f32, -0.0], [2]).bitcast(DType::I32)
    });
    expect(&[1], &[2.5], |g| g.constant([2.5f64.to_bits().cast_signed()], [1]).bitcast(DType::F64));
    expect(&[1], &[2.5], |g| vector(g, &[2.5]).bitcast(DType::F64).stop_gradient());
}

#[test]
fn special_functions_have_their_published_values() {
    let pi = std::f64::consts::PI;
    // Γ(5) = 24, Γ(1/2) = √π; ψ(1) = -γ; ψ'(1) = π²/6; ψ''(1) = -2 ζ(3).
    let (euler, zeta3) = (0.577_215_664_901_532_9, 1.202_056_903_159_594_3);
    expect(&[2], &[24f64.ln(), 0.5 * pi.ln()], |g| vector(g, &[5.0, 0.5]).lgamma());
    expect(&[2], &[-euler, 1.0 - euler], |g| vector(g, &[1.0, 2.0]).digamma());
    expect(&[1], &[-euler], |g| vector(g, &[1.0]).polygamma(0));
    expect(&[1], &[pi * pi / 6.0], |g| vector(g, &[1.0]).polygamma(1));
    expect(&[1], &[-2.0 * zeta3], |g| vector(g, &[1.0]).polygamma(2));
    // erf(0.5) = 0.520499877813046538; I0(1) = 1.26606587775200834, I1(1) = 0.565159103992485027.
    expect(&[3], &[0.5, -0.5, f64::INFINITY], |g| {
        vector(g, &[0.520_499_877_813_046_5, -0.520_499_877_813_046_5, 1.0]).erf_inv()
    });
    expect(&[1], &[1.266_065_877_752_008_3 / 1f64.exp()], |g| vector(g, &[1.0]).bessel_i0e());
    expect(&[2], &[0.565_159_103_992_485 / 1f64.exp(), -0.565_159_103_992_485 / 1f64.exp()], |g| {
        vector(g, &[1.0, -1.0]).bessel_i1e()
    });
}
