//! Broadcast, reshape, transpose and reverse.

use crate::Case;
use crate::common::Compare::{Exactly, OnWholeNumbers};

pub(crate) const CASES: &[Case] = &[
    (
        "elementwise_of_broadcast",
        Exactly,
        "(%x: f32[3]) -> f32[2,3] { %a = broadcast %x, dims=[1] : f32[2,3] %b = exp %a : f32[2,3] return %b }",
        "(%x: f32[3]) -> f32[2,3] { %a = exp %x : f32[3] %b = broadcast %a, dims=[1] : f32[2,3] return %b }",
    ),
    (
        "elementwise_of_broadcast",
        Exactly,
        "(%p: bool[3], %x: f32[3]) -> f32[2,3] { %a = broadcast %p, dims=[1] : bool[2,3] %b = broadcast %x, dims=[1] : f32[2,3] %c = constant 3.0 : f32[2,3] %d = select %a, %c, %b : f32[2,3] return %d }",
        "(%p: bool[3], %x: f32[3]) -> f32[2,3] { %c = constant 3.0 : f32[3] %d = select %p, %c, %x : f32[3] %e = broadcast %d, dims=[1] : f32[2,3] return %e }",
    ),
    (
        "broadcast_nothing",
        Exactly,
        "(%x: f32[3]) -> f32[1,3,1] { %a = broadcast %x, dims=[1] : f32[1,3,1] return %a }",
        "(%x: f32[3]) -> f32[1,3,1] { %a = reshape %x : f32[1,3,1] return %a }",
    ),
    (
        "broadcast_of_broadcast",
        Exactly,
        "(%x: f32[3]) -> f32[2,4,3] { %a = broadcast %x, dims=[1] : f32[4,3] %b = broadcast %a, dims=[1,2] : f32[2,4,3] return %b }",
        "(%x: f32[3]) -> f32[2,4,3] { %b = broadcast %x, dims=[2] : f32[2,4,3] return %b }",
    ),
    (
        "broadcast_of_unit_axes",
        Exactly,
        "(%x: f32[3]) -> f32[1,2,3] { %a = reshape %x : f32[1,3] %b = broadcast %a, dims=[0,2] : f32[1,2,3] return %b }",
        "(%x: f32[3]) -> f32[1,2,3] { %b = broadcast %x, dims=[2] : f32[1,2,3] return %b }",
    ),
    (
        "reshape_nothing",
        Exactly,
        "(%x: f32[3]) -> f32[3] { %a = reshape %x : f32[3] return %a }",
        "(%x: f32[3]) -> f32[3] { return %x }",
    ),
    (
        "reshape_of_reshape",
        Exactly,
        "(%x: f32[6]) -> f32[2,3] { %a = reshape %x : f32[3,2] %b = reshape %a : f32[2,3] return %b }",
        "(%x: f32[6]) -> f32[2,3] { %b = reshape %x : f32[2,3] return %b }",
    ),
    (
        "reshape_of_broadcast_scalar",
        Exactly,
        "(%x: f32[1]) -> f32[2,3] { %a = broadcast %x, dims=[0] : f32[1,6] %b = reshape %a : f32[2,3] return %b }",
        "(%x: f32[1]) -> f32[2,3] { %s = reshape %x : f32 %b = broadcast %s, dims=[] : f32[2,3] return %b }",
    ),
    (
        "transpose_of_transpose",
        Exactly,
        "(%x: f32[2,3,4]) -> f32[4,3,2] { %a = transpose %x, perm=[1,2,0] : f32[3,4,2] %b = transpose %a, perm=[1,0,2] : f32[4,3,2] return %b }",
        "(%x: f32[2,3,4]) -> f32[4,3,2] { %b = transpose %x, perm=[2,1,0] : f32[4,3,2] return %b }",
    ),
    (
        "transpose_of_transpose",
        Exactly,
        "(%x: f32[2,3,4]) -> f32[2,3,4] { %a = transpose %x, perm=[1,2,0] : f32[3,4,2] %b = transpose %a, perm=[2,0,1] : f32[2,3,4] return %b }",
        "(%x: f32[2,3,4]) -> f32[2,3,4] { return %x }",
    ),
    (
        "transpose_nothing",
        Exactly,
        "(%x: f32[2,1,3]) -> f32[1,2,3] { %a = transpose %x, perm=[1,0,2] : f32[1,2,3] return %a }",
        "(%x: f32[2,1,3]) -> f32[1,2,3] { %a = reshape %x : f32[1,2,3] return %a }",
    ),
    (
        "transpose_of_broadcast",
        Exactly,
        "(%x: f32[3]) -> f32[3,2] { %a = broadcast %x, dims=[1] : f32[2,3] %b = transpose %a, perm=[1,0] : f32[3,2] return %b }",
        "(%x: f32[3]) -> f32[3,2] { %b = broadcast %x, dims=[0] : f32[3,2] return %b }",
    ),
    (
        "transpose_of_broadcast",
        Exactly,
        "(%x: f32[3,4]) -> f32[4,2,3] { %a = broadcast %x, dims=[1,2] : f32[2,3,4] %b = transpose %a, perm=[2,0,1] : f32[4,2,3] return %b }",
        "(%x: f32[3,4]) -> f32[4,2,3] { %a = transpose %x, perm=[1,0] : f32[4,3] %b = broadcast %a, dims=[0,2] : f32[4,2,3] return %b }",
    ),
    (
        "transpose_of_dot",
        OnWholeNumbers,
        "(%x: f32[5,2,3], %y: f32[5,3,4]) -> f32[5,4,2] { %a = dot %x, %y, batch=[0]x[0], contract=[2]x[1] : f32[5,2,4] %b = transpose %a, perm=[0,2,1] : f32[5,4,2] return %b }",
        "(%x: f32[5,2,3], %y: f32[5,3,4]) -> f32[5,4,2] { %b = dot %y, %x, batch=[0]x[0], contract=[1]x[2] : f32[5,4,2] return %b }",
    ),
    (
        "transpose_of_dot",
        OnWholeNumbers,
        "(%x: f32[2,8,3], %y: f32[2,4,3]) -> f32[4,2,8] { %a = dot %x, %y, batch=[0]x[0], contract=[2]x[2] : f32[2,8,4] %b = transpose %a, perm=[2,0,1] : f32[4,2,8] return %b }",
        "(%x: f32[2,8,3], %y: f32[2,4,3]) -> f32[4,2,8] { %a = dot %y, %x, batch=[0]x[0], contract=[2]x[2] : f32[2,4,8] %b = transpose %a, perm=[1,0,2] : f32[4,2,8] return %b }",
    ),
    (
        "reverse_nothing",
        Exactly,
        "(%x: f32[2,1]) -> f32[2,1] { %a = reverse %x, axes=[0,1] : f32[2,1] return %a }",
        "(%x: f32[2,1]) -> f32[2,1] { %a = reverse %x, axes=[0] : f32[2,1] return %a }",
    ),
    (
        "reverse_of_reverse",
        Exactly,
        "(%x: f32[2,3,4]) -> f32[2,3,4] { %a = reverse %x, axes=[0,1] : f32[2,3,4] %b = reverse %a, axes=[0,2] : f32[2,3,4] return %b }",
        "(%x: f32[2,3,4]) -> f32[2,3,4] { %b = reverse %x, axes=[1,2] : f32[2,3,4] return %b }",
    ),
    (
        "transpose_of_pad",
        Exactly,
        "(%x: f32[2,1,4], %v: f32) -> f32[9,2,3] { %a = pad %x, %v, low=[0,1,2], high=[0,1,0], interior=[0,0,1] : f32[2,3,9] %b = transpose %a, perm=[2,0,1] : f32[9,2,3] return %b }",
        "(%x: f32[2,1,4], %v: f32) -> f32[9,2,3] { %u = transpose %x, perm=[2,0,1] : f32[4,2,1] %b = pad %u, %v, low=[2,0,1], high=[0,0,1], interior=[1,0,0] : f32[9,2,3] return %b }",
    ),
    (
        "reshape_of_pad",
        Exactly,
        "(%x: f32[1,2,1], %v: f32) -> f32[5,1,3] { %a = pad %x, %v, low=[0,3,0], high=[0,0,2] : f32[1,5,3] %b = reshape %a : f32[5,1,3] return %b }",
        "(%x: f32[1,2,1], %v: f32) -> f32[5,1,3] { %a = reshape %x : f32[2,1,1] %b = pad %a, %v, low=[3,0,0], high=[0,0,2] : f32[5,1,3] return %b }",
    ),
];
