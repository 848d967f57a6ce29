//! What the tests of single operations and of text programs share.
#![allow(dead_code, reason = "each test file is a program of its own and uses a part")]

use pullback_interp::{Array, Element, Error, Options, evaluate_results, evaluate_with};
use pullback_ir::{Module, Op, Type, infer::infer, parse_module, verify};

pub(crate) fn array<T: Element>(extents: &[usize], values: &[T]) -> Array {
    Array::from_slice(extents, values).unwrap()
}

/// The integers from 0 on, as `f64` elements of this shape.
pub(crate) fn counted(extents: &[usize]) -> Array {
    let count: usize = extents.iter().product();
    array(extents, &(0..count).map(|i| i as f64).collect::<Vec<_>>())
}

/// Small integers, as `f64` elements of this shape: sums and products of them are exact. Another `seed` gives others.
pub(crate) fn scrambled(extents: &[usize], seed: u64) -> Array {
    let count: usize = extents.iter().product();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1442);
        f64::from((state >> 40) as u32 % 19) - 9.0
    };
    array(extents, &(0..count).map(|_| next()).collect::<Vec<_>>())
}

/// The results of `op`, whose types inference gives.
pub(crate) fn apply_all(op: &Op, args: &[&Array]) -> Vec<Array> {
    let types: Vec<Type> = args.iter().map(|arg| arg.ty()).collect();
    let types: Vec<&Type> = types.iter().collect();
    let results = infer(&Module::new(), op, &types, &[]).unwrap();
    evaluate_results(op, args, &results).unwrap()
}

/// The result of `op`, which has one.
pub(crate) fn apply(op: &Op, args: &[&Array]) -> Array {
    let mut results = apply_all(op, args);
    assert_eq!(results.len(), 1);
    results.remove(0)
}

/// The results of the last function of a program.
pub(crate) fn run_with(text: &str, inputs: &[Array], options: &Options) -> Result<Vec<Array>, Error> {
    let module = verify(parse_module(text).unwrap_or_else(|errors| panic!("{errors}")));
    let module = module.unwrap_or_else(|errors| panic!("{errors}"));
    let (func, _) = module.functions().last().unwrap();
    evaluate_with(&module, func, inputs, options)
}

/// As [`run_with`], under the usual limits, without failing.
pub(crate) fn run(text: &str, inputs: &[Array]) -> Vec<Array> {
    run_with(text, inputs, &Options::default()).unwrap()
}
