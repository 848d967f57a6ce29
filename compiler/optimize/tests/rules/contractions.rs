//! Reductions and dots.

use crate::Case;
use crate::common::Compare::{ButForZeroSigns, Exactly, OnWholeNumbers};

pub(crate) const CASES: &[Case] = &[
    (
        "reduce_over_no_axes",
        ButForZeroSigns,
        "(%x: f32[2]) -> f32[2] { %a = reduce add %x, axes=[] : f32[2] return %a }",
        "(%x: f32[2]) -> f32[2] { return %x }",
    ),
    (
        "reduce_nothing",
        Exactly,
        "(%x: f32[2,0]) -> f32[2] { %a = reduce max %x, axes=[1] : f32[2] return %a }",
        "(%x: f32[2,0]) -> f32[2] { %a = constant -inf : f32[2] return %a }",
    ),
    (
        "reduce_unit_axes",
        ButForZeroSigns,
        "(%x: f32[2,1]) -> f32[2] { %a = reduce add %x, axes=[1] : f32[2] return %a }",
        "(%x: f32[2,1]) -> f32[2] { %a = reshape %x : f32[2] return %a }",
    ),
    (
        "reduce_unit_axes",
        Exactly,
        "(%x: f32[2,1,3]) -> f32[2] { %a = reduce max %x, axes=[1,2] : f32[2] return %a }",
        "(%x: f32[2,1,3]) -> f32[2] { %a = reduce max %x, axes=[2] : f32[2,1] %b = reshape %a : f32[2] return %b }",
    ),
    (
        "reduce_of_reduce",
        OnWholeNumbers,
        "(%x: f32[2,3,4]) -> f32[3] { %a = reduce add %x, axes=[0] : f32[3,4] %b = reduce add %a, axes=[1] : f32[3] return %b }",
        "(%x: f32[2,3,4]) -> f32[3] { %b = reduce add %x, axes=[0,2] : f32[3] return %b }",
    ),
    (
        "reduce_of_broadcast",
        Exactly,
        "(%x: f32[3]) -> f32[3] { %a = broadcast %x, dims=[1] : f32[5,3] %b = reduce min %a, axes=[0] : f32[3] return %b }",
        "(%x: f32[3]) -> f32[3] { return %x }",
    ),
    (
        "reduce_of_broadcast",
        OnWholeNumbers,
        "(%x: f32[3,5]) -> f32[3,2] { %a = broadcast %x, dims=[1,3] : f32[4,3,2,5] %b = reduce add %a, axes=[0,3] : f32[3,2] return %b }",
        "(%x: f32[3,5]) -> f32[3,2] { %s = reduce add %x, axes=[1] : f32[3] %c = constant 4.0 : f32[3] %m = mul %s, %c : f32[3] %b = broadcast %m, dims=[0] : f32[3,2] return %b }",
    ),
    (
        "reduce_of_broadcast",
        Exactly,
        "(%x: u8) -> u8 { %a = broadcast %x, dims=[] : u8[259] %b = reduce add %a, axes=[0] : u8 return %b }",
        "(%x: u8) -> u8 { %c = constant 3 : u8 %b = mul %x, %c : u8 return %b }",
    ),
    (
        "reduce_of_broadcast",
        OnWholeNumbers,
        "(%x: f32[3,5]) -> f32[5,2] { %a = broadcast %x, dims=[0,1] : f32[3,5,2] %b = reduce add %a, axes=[0] : f32[5,2] return %b }",
        "(%x: f32[3,5]) -> f32[5,2] { %a = reduce add %x, axes=[0] : f32[5] %b = broadcast %a, dims=[0] : f32[5,2] return %b }",
    ),
    (
        "reduce_of_broadcast",
        Exactly,
        "(%x: f32[3,5]) -> f32[5,2] { %a = broadcast %x, dims=[0,1] : f32[3,5,2] %b = reduce max %a, axes=[0] : f32[5,2] return %b }",
        "(%x: f32[3,5]) -> f32[5,2] { %a = reduce max %x, axes=[0] : f32[5] %b = broadcast %a, dims=[0] : f32[5,2] return %b }",
    ),
    (
        "reduce_of_neg",
        OnWholeNumbers,
        "(%x: f32[3,5]) -> f32[5] { %a = neg %x : f32[3,5] %b = reduce add %a, axes=[0] : f32[5] return %b }",
        "(%x: f32[3,5]) -> f32[5] { %a = reduce add %x, axes=[0] : f32[5] %b = neg %a : f32[5] return %b }",
    ),
    (
        "reduce_of_transpose",
        OnWholeNumbers,
        "(%x: f32[2,3,4]) -> f32[4,2] { %a = transpose %x, perm=[2,1,0] : f32[4,3,2] %b = reduce add %a, axes=[1] : f32[4,2] return %b }",
        "(%x: f32[2,3,4]) -> f32[4,2] { %a = reduce add %x, axes=[1] : f32[2,4] %b = transpose %a, perm=[1,0] : f32[4,2] return %b }",
    ),
    (
        "reduce_of_transpose",
        OnWholeNumbers,
        "(%x: f32[2,3,4]) -> f32[3] { %a = transpose %x, perm=[2,1,0] : f32[4,3,2] %b = reduce add %a, axes=[0,2] : f32[3] return %b }",
        "(%x: f32[2,3,4]) -> f32[3] { %b = reduce add %x, axes=[0,2] : f32[3] return %b }",
    ),
    (
        "dot_nothing",
        Exactly,
        "(%x: f32[2,0], %y: f32[0,3]) -> f32[2,3] { %a = dot %x, %y, contract=[1]x[0] : f32[2,3] return %a }",
        "(%x: f32[2,0], %y: f32[0,3]) -> f32[2,3] { %a = constant 0.0 : f32[2,3] return %a }",
    ),
    (
        "dot_of_transpose",
        OnWholeNumbers,
        "(%x: f32[3,2], %y: f32[4,3]) -> f32[2,4] { %a = transpose %x, perm=[1,0] : f32[2,3] %b = transpose %y, perm=[1,0] : f32[3,4] %c = dot %a, %b, contract=[1]x[0] : f32[2,4] return %c }",
        "(%x: f32[3,2], %y: f32[4,3]) -> f32[2,4] { %c = dot %x, %y, contract=[0]x[1] : f32[2,4] return %c }",
    ),
    (
        "dot_of_transpose",
        OnWholeNumbers,
        "(%x: f32[3,2,5], %y: f32[5,3,4]) -> f32[5,2,4] { %a = transpose %x, perm=[2,1,0] : f32[5,2,3] %c = dot %a, %y, batch=[0]x[0], contract=[2]x[1] : f32[5,2,4] return %c }",
        "(%x: f32[3,2,5], %y: f32[5,3,4]) -> f32[5,2,4] { %c = dot %x, %y, batch=[2]x[0], contract=[0]x[1] : f32[5,2,4] return %c }",
    ),
    (
        "dot_of_transpose",
        OnWholeNumbers,
        "(%x: f32[3,2], %y: f32[5]) -> f32[2,3] { %a = transpose %x, perm=[1,0] : f32[2,3] %v = windows %y, axes=[0], size=[3] : f32[3,3] %w = transpose %v, perm=[1,0] : f32[3,3] %c = dot %a, %w, contract=[1]x[0] : f32[2,3] return %c }",
        "(%x: f32[3,2], %y: f32[5]) -> f32[2,3] { %v = windows %y, axes=[0], size=[3] : f32[3,3] %w = transpose %v, perm=[1,0] : f32[3,3] %c = dot %x, %w, contract=[0]x[0] : f32[2,3] return %c }",
    ),
    (
        "dot_of_broadcast",
        OnWholeNumbers,
        "(%x: f32[5], %y: f32[5,4]) -> f32[2,3,4] { %a = broadcast %x, dims=[1] : f32[2,5,3] %c = dot %a, %y, contract=[1]x[0] : f32[2,3,4] return %c }",
        "(%x: f32[5], %y: f32[5,4]) -> f32[2,3,4] { %a = dot %x, %y, contract=[0]x[0] : f32[4] %c = broadcast %a, dims=[2] : f32[2,3,4] return %c }",
    ),
    (
        "dot_of_broadcast",
        OnWholeNumbers,
        "(%x: f32[6,2,5], %y: f32[6,3]) -> f32[6,2,3,4] { %a = broadcast %y, dims=[1,2] : f32[5,6,3,4] %c = dot %x, %a, batch=[0]x[1], contract=[2]x[0] : f32[6,2,3,4] return %c }",
        "(%x: f32[6,2,5], %y: f32[6,3]) -> f32[6,2,3,4] { %a = broadcast %y, dims=[1,2] : f32[5,6,3] %d = dot %x, %a, batch=[0]x[1], contract=[2]x[0] : f32[6,2,3] %c = broadcast %d, dims=[0,1,2] : f32[6,2,3,4] return %c }",
    ),
    (
        "dot_of_ones",
        OnWholeNumbers,
        "(%y: f32[5,4]) -> f32[2,4] { %a = constant 1.0 : f32[2,5] %c = dot %a, %y, contract=[1]x[0] : f32[2,4] return %c }",
        "(%y: f32[5,4]) -> f32[2,4] { %a = reduce add %y, axes=[0] : f32[4] %c = broadcast %a, dims=[1] : f32[2,4] return %c }",
    ),
    (
        "dot_of_ones",
        OnWholeNumbers,
        "(%x: f32[3,5,4]) -> f32[3,4] { %a = constant 1.0 : f32[3,5] %c = dot %x, %a, batch=[0]x[0], contract=[1]x[1] : f32[3,4] return %c }",
        "(%x: f32[3,5,4]) -> f32[3,4] { %c = reduce add %x, axes=[1] : f32[3,4] return %c }",
    ),
];
