//! Slices, paddings and concatenations.

use crate::Case;
use crate::common::Compare::Exactly;

pub(crate) const CASES: &[Case] = &[
    (
        "slice_everything",
        Exactly,
        "(%x: f32[3]) -> f32[3] { %a = slice %x, start=[0], limit=[3] : f32[3] return %a }",
        "(%x: f32[3]) -> f32[3] { return %x }",
    ),
    (
        "slice_of_slice",
        Exactly,
        "(%x: f32[20]) -> f32[3] { %a = slice %x, start=[3], limit=[20], stride=[2] : f32[9] %b = slice %a, start=[1], limit=[8], stride=[3] : f32[3] return %b }",
        "(%x: f32[20]) -> f32[3] { %b = slice %x, start=[5], limit=[18], stride=[6] : f32[3] return %b }",
    ),
    (
        "slice_of_broadcast",
        Exactly,
        "(%x: f32[5]) -> f32[2,3] { %a = broadcast %x, dims=[1] : f32[9,5] %b = slice %a, start=[4,1], limit=[6,4] : f32[2,3] return %b }",
        "(%x: f32[5]) -> f32[2,3] { %a = slice %x, start=[1], limit=[4] : f32[3] %b = broadcast %a, dims=[1] : f32[2,3] return %b }",
    ),
    (
        "slice_of_pad",
        Exactly,
        "(%x: f32[5], %v: f32) -> f32[3] { %a = pad %x, %v, low=[2], high=[1] : f32[8] %b = slice %a, start=[3], limit=[6] : f32[3] return %b }",
        "(%x: f32[5], %v: f32) -> f32[3] { %b = slice %x, start=[1], limit=[4] : f32[3] return %b }",
    ),
    (
        "slice_of_concatenate",
        Exactly,
        "(%x: f32[2,3], %y: f32[2,4]) -> f32[1,3] { %a = concatenate %x, %y, axis=1 : f32[2,7] %b = slice %a, start=[1,4], limit=[2,7] : f32[1,3] return %b }",
        "(%x: f32[2,3], %y: f32[2,4]) -> f32[1,3] { %b = slice %y, start=[1,1], limit=[2,4] : f32[1,3] return %b }",
    ),
    (
        "pad_nothing",
        Exactly,
        "(%x: f32[5], %v: f32) -> (f32[5], f32[2]) { %a = pad %x, %v, low=[0], high=[0] : f32[5] %b = pad %x, %v, low=[-1], high=[-2] : f32[2] return %a, %b }",
        "(%x: f32[5], %v: f32) -> (f32[5], f32[2]) { %b = slice %x, start=[1], limit=[3] : f32[2] return %x, %b }",
    ),
    (
        "pad_of_pad",
        Exactly,
        "(%x: f32[3], %v: f32) -> f32[12] { %a = pad %x, %v, low=[1], high=[0], interior=[1] : f32[6] %b = pad %a, %v, low=[2], high=[4] : f32[12] return %b }",
        "(%x: f32[3], %v: f32) -> f32[12] { %b = pad %x, %v, low=[3], high=[4], interior=[1] : f32[12] return %b }",
    ),
    (
        "concatenate_one",
        Exactly,
        "(%x: f32[3], %e: f32[0]) -> f32[3] { %a = concatenate %e, %x, axis=0 : f32[3] return %a }",
        "(%x: f32[3], %e: f32[0]) -> f32[3] { return %x }",
    ),
    (
        "concatenate_of_concatenate",
        Exactly,
        "(%x: f32[1], %y: f32[2]) -> f32[4] { %a = concatenate %x, %y, axis=0 : f32[3] %b = concatenate %a, %x, axis=0 : f32[4] return %b }",
        "(%x: f32[1], %y: f32[2]) -> f32[4] { %b = concatenate %x, %y, %x, axis=0 : f32[4] return %b }",
    ),
    (
        "concatenate_of_neighbours",
        Exactly,
        "(%x: f32[2,7], %y: f32[2,1]) -> f32[2,7] { %a = slice %x, start=[0,1], limit=[2,3] : f32[2,2] %b = slice %x, start=[0,3], limit=[2,7] : f32[2,4] %c = concatenate %a, %b, %y, axis=1 : f32[2,7] return %c }",
        "(%x: f32[2,7], %y: f32[2,1]) -> f32[2,7] { %a = slice %x, start=[0,1], limit=[2,7] : f32[2,6] %c = concatenate %a, %y, axis=1 : f32[2,7] return %c }",
    ),
    (
        "concatenate_of_neighbours",
        Exactly,
        "(%x: f32[7]) -> f32[7] { %a = slice %x, start=[0], limit=[3] : f32[3] %b = slice %x, start=[3], limit=[7] : f32[4] %c = concatenate %a, %b, axis=0 : f32[7] return %c }",
        "(%x: f32[7]) -> f32[7] { return %x }",
    ),
    (
        "concatenate_of_neighbours",
        Exactly,
        "(%x: f32[2]) -> f32[9] { %a = constant -0.0 : f32[3] %b = constant -0.0 : f32[4] %c = concatenate %x, %a, %b, axis=0 : f32[9] return %c }",
        "(%x: f32[2]) -> f32[9] { %a = constant -0.0 : f32[7] %c = concatenate %x, %a, axis=0 : f32[9] return %c }",
    ),
    (
        "concatenate_of_rows",
        Exactly,
        "(%x: f32[3,2,4]) -> f32[4,4] { %a = slice %x, start=[1,0,0], limit=[2,2,4] : f32[1,2,4] %b = slice %x, start=[2,0,0], limit=[3,2,4] : f32[1,2,4] %c = reshape %a : f32[2,4] %d = reshape %b : f32[2,4] %y = concatenate %c, %d, axis=0 : f32[4,4] return %y }",
        "(%x: f32[3,2,4]) -> f32[4,4] { %a = slice %x, start=[1,0,0], limit=[3,2,4] : f32[2,2,4] %y = reshape %a : f32[4,4] return %y }",
    ),
    (
        "concatenate_of_rows",
        Exactly,
        "(%x: f32[8]) -> f32[2,3] { %a = slice %x, start=[1], limit=[4] : f32[3] %b = slice %x, start=[4], limit=[7] : f32[3] %c = reshape %a : f32[1,3] %d = reshape %b : f32[1,3] %y = concatenate %c, %d, axis=0 : f32[2,3] return %y }",
        "(%x: f32[8]) -> f32[2,3] { %a = slice %x, start=[1], limit=[7] : f32[6] %y = reshape %a : f32[2,3] return %y }",
    ),
];
