//! Constants.

use crate::Case;
use crate::common::Compare::Exactly;

pub(crate) const CASES: &[Case] = &[
    (
        "fold_splats",
        Exactly,
        "(%x: f32) -> f32[1000000] { %a = constant 2.0 : f32[1000000] %b = add %a, %a : f32[1000000] return %b }",
        "(%x: f32) -> f32[1000000] { %b = constant 4.0 : f32[1000000] return %b }",
    ),
    (
        "fold_splats",
        Exactly,
        "() -> f32[2,7] { %s = constant 2.0 : f32 %a = broadcast %s, dims=[] : f32[7,2] %b = transpose %a, perm=[1,0] : f32[2,7] return %b }",
        "() -> f32[2,7] { %b = constant 2.0 : f32[2,7] return %b }",
    ),
    (
        "fold_splats",
        Exactly,
        "() -> f32[9] { %s = constant 2.0 : f32 %a = constant 2.0 : f32[4] %b = pad %a, %s, low=[1], high=[0] : f32[5] %c = concatenate %a, %b, axis=0 : f32[9] return %c }",
        "() -> f32[9] { %c = constant 2.0 : f32[9] return %c }",
    ),
    (
        "fold_splats",
        Exactly,
        "() -> (f32[2], f32, f32[3]) { %a = constant 0.5 : f32[2,1000] %b = reduce add %a, axes=[1] : f32[2] %c = reduce max %a, axes=[0,1] : f32 %d = constant 2.0 : f32[1000,3] %e = dot %a, %d, contract=[1]x[0] : f32[2,3] %g = slice %e, start=[0,0], limit=[1,3] : f32[1,3] %h = reshape %g : f32[3] return %b, %c, %h }",
        "() -> (f32[2], f32, f32[3]) { %b = constant 500.0 : f32[2] %c = constant 0.5 : f32 %h = constant 1000.0 : f32[3] return %b, %c, %h }",
    ),
    (
        "fold_elements",
        Exactly,
        "() -> f32[3] { %a = constant [1.0, 2.0, 3.0] : f32[3] %b = constant 1.0 : f32[3] %c = add %a, %b : f32[3] return %c }",
        "() -> f32[3] { %c = constant [2.0, 3.0, 4.0] : f32[3] return %c }",
    ),
    (
        "fold_splats",
        Exactly,
        "(%i: i32) -> (i32[2,7], f32[2], f32[9], f32[3,4]) { %a = constant 1.0 : f32[2,7] %b = bitcast %a : i32[2,7] %c = constant 2.0 : f32[9] %d = dynamic_slice %c, %i : f32[2] %u = constant 2.0 : f32[4] %e = dynamic_update_slice %c, %u, %i : f32[9] %g = constant 5.0 : f32[6] %h = windows %g, axes=[0], size=[4] : f32[3,4] %k = cumulative max %h, axis=1 : f32[3,4] return %b, %d, %e, %k }",
        "(%i: i32) -> (i32[2,7], f32[2], f32[9], f32[3,4]) { %b = constant 1065353216 : i32[2,7] %d = constant 2.0 : f32[2] %e = constant 2.0 : f32[9] %k = constant 5.0 : f32[3,4] return %b, %d, %e, %k }",
    ),
    (
        "fold_elements",
        Exactly,
        "() -> (i64, f64[2], f64[3]) { %a = constant [1.0, 3.0, 2.0] : f64[3] %b = argmax %a, axis=0 : i64 %w = constant [1.0, 1.0] : f64[2] %p = windows %a, axes=[0], size=[2] : f64[2,2] %d = dot %p, %w, contract=[1]x[0] : f64[2] %s = sort %a, axis=0, keys=1 : f64[3] return %b, %d, %s }",
        "() -> (i64, f64[2], f64[3]) { %b = constant 1 : i64 %d = constant [4.0, 5.0] : f64[2] %s = constant [1.0, 2.0, 3.0] : f64[3] return %b, %d, %s }",
    ),
];
