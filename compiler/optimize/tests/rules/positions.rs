//! Operations at positions, in windows and along axes of extent 1.

use crate::Case;
use crate::common::Compare::{ButForZeroSigns, Exactly};

pub(crate) const CASES: &[Case] = &[
    (
        "dynamic_slice_everything",
        Exactly,
        "(%x: f32[2,3], %i: i32) -> f32[2,3] { %a = dynamic_slice %x, %i, %i : f32[2,3] return %a }",
        "(%x: f32[2,3], %i: i32) -> f32[2,3] { return %x }",
    ),
    (
        "dynamic_slice_known",
        Exactly,
        "(%x: f32[5,3]) -> f32[2,2] { %i = constant 4 : i32 %j = constant -7 : i32 %a = dynamic_slice %x, %i, %j : f32[2,2] return %a }",
        "(%x: f32[5,3]) -> f32[2,2] { %a = slice %x, start=[3,0], limit=[5,2] : f32[2,2] return %a }",
    ),
    (
        "dynamic_update_slice_everything",
        Exactly,
        "(%x: f32[3], %y: f32[3], %i: i64) -> f32[3] { %a = dynamic_update_slice %x, %y, %i : f32[3] return %a }",
        "(%x: f32[3], %y: f32[3], %i: i64) -> f32[3] { return %y }",
    ),
    (
        "dynamic_update_slice_nothing",
        Exactly,
        "(%x: f32[3], %y: f32[0], %i: i64) -> f32[3] { %a = dynamic_update_slice %x, %y, %i : f32[3] return %a }",
        "(%x: f32[3], %y: f32[0], %i: i64) -> f32[3] { return %x }",
    ),
    (
        "gather_known",
        Exactly,
        "(%x: f32[5,3]) -> f32[1,2] { %i = constant [[9, 1]] : i32[1,2] %a = gather %x, %i, offset=[1], collapsed=[0], map=[0,1], vector_axis=1, mode=clamp, sizes=[1,2] : f32[1,2] return %a }",
        "(%x: f32[5,3]) -> f32[1,2] { %a = slice %x, start=[4,1], limit=[5,3] : f32[1,2] return %a }",
    ),
    (
        "gather_known",
        Exactly,
        "(%x: f32[5,3]) -> (f32[3], f32[3]) { %i = constant 2 : i32 %a = gather %x, %i, offset=[0], collapsed=[0], map=[0], vector_axis=0, mode=drop, sizes=[1,3] : f32[3] %j = constant 5 : i32 %b = gather %x, %j, offset=[0], collapsed=[0], map=[0], vector_axis=0, mode=drop, sizes=[1,3] : f32[3] return %a, %b }",
        "(%x: f32[5,3]) -> (f32[3], f32[3]) { %s = slice %x, start=[2,0], limit=[3,3] : f32[1,3] %a = reshape %s : f32[3] %j = constant 5 : i32 %b = gather %x, %j, offset=[0], collapsed=[0], map=[0], vector_axis=0, mode=drop, sizes=[1,3] : f32[3] return %a, %b }",
    ),
    (
        "windows_of_one",
        Exactly,
        "(%x: f32[5,3]) -> f32[3,3,1] { %a = windows %x, axes=[0], size=[1], stride=[2] : f32[3,3,1] return %a }",
        "(%x: f32[5,3]) -> f32[3,3,1] { %s = slice %x, start=[0,0], limit=[5,3], stride=[2,1] : f32[3,3] %a = reshape %s : f32[3,3,1] return %a }",
    ),
    (
        "overlap_add_of_one",
        ButForZeroSigns,
        "(%x: f32[5,3,1]) -> f32[5,3] { %a = overlap_add %x, axes=[0], size=[1] : f32[5,3] return %a }",
        "(%x: f32[5,3,1]) -> f32[5,3] { %a = reshape %x : f32[5,3] return %a }",
    ),
    (
        "cumulative_of_one",
        ButForZeroSigns,
        "(%x: f64[5,1]) -> (f64[5,1], f64[5,1]) { %a = cumulative add %x, axis=1 : f64[5,1] %b = cumulative logsumexp %x, axis=1 : f64[5,1] return %a, %b }",
        "(%x: f64[5,1]) -> (f64[5,1], f64[5,1]) { return %x, %x }",
    ),
    (
        "sort_of_one",
        Exactly,
        "(%x: f64[5,1]) -> f64[5,1] { %a = sort %x, axis=1, keys=1 : f64[5,1] return %a }",
        "(%x: f64[5,1]) -> f64[5,1] { return %x }",
    ),
    (
        "arg_reduce_of_one",
        Exactly,
        "(%x: f64[5,1]) -> i64[5] { %a = argmin %x, axis=1 : i64[5] return %a }",
        "(%x: f64[5,1]) -> i64[5] { %a = constant 0 : i64[5] return %a }",
    ),
];
