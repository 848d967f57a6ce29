//! Custom derivative rules: the primal's value, and the instruction that they make.

use pullback_graph::trace;
use pullback_interp::Array;
use pullback_ir::{CustomRule, DType, Module, Op};

use crate::{close, run};

#[test]
fn the_value_is_the_primals() {
    let module = Module::new();
    let function = trace(&module, "f", |g| {
        let (x, n) = (g.input("x", DType::F64, [2]), g.input("n", DType::I32, []));
        let y = g.custom_jvp(
            (x, n),
            |(x, n)| (x * n.to(DType::F64), n + 1),
            |(x, n), (t, no_tangent)| {
                assert_eq!(no_tangent.ty(), n.ty());
                (t * n.to(DType::F64) + 0.0 * x, no_tangent)
            },
        );
        let z = g.custom_vjp([x], |[x]| x.exp(), |[_], y, cotangent| [y * cotangent]);
        vec![y.0 + z, y.1]
    })
    .unwrap();
    let kinds: Vec<&Op> = function.insts().iter().map(|&inst| function.op(inst)).collect();
    assert!(matches!(kinds[0], Op::CustomDerivative(CustomRule::Jvp)));
    assert!(matches!(kinds[1], Op::CustomDerivative(CustomRule::Vjp)));
    let inputs = [Array::from_slice(&[2], &[0.0, 1.0]).unwrap(), Array::scalar(3i32)];
    let out = run(module, function, &inputs);
    close(&out[0], &[2], &[1.0, 3.0 + 1f64.exp()], 1e-15);
    assert_eq!(out[1].to_f64(), [4.0]);
}

#[test]
fn integers_and_constants_in_sight_may_be_used() {
    let module = Module::new();
    let function = trace(&module, "f", |g| {
        let (x, n) = (g.input("x", DType::F64, [2]), g.input("n", DType::I32, [2]));
        let weights = g.constant([2.0, 3.0], [2]);
        let y = g.custom_jvp(x, |x| weights * x + n.to(DType::F64), |_, t| weights * t * n.to(DType::F64));
        let z = g.custom_vjp(y, |y| y + n.to(DType::F64), |_, _, c| c * weights);
        vec![z]
    })
    .unwrap();
    let custom = function.insts().iter().copied().filter(|&inst| matches!(function.op(inst), Op::CustomDerivative(_)));
    for inst in custom {
        assert_eq!(function.args(inst).len(), 2, "x and n");
    }
    let inputs = [Array::from_slice(&[2], &[1.0, -1.0]).unwrap(), Array::from_slice(&[2], &[3i32, 4]).unwrap()];
    assert_eq!(run(module, function, &inputs)[0].to_f64(), [8.0, 5.0]);
}
