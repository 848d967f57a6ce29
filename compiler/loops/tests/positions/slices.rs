//! Dynamic slices and updates.

use pullback_ir::DType;

use super::{Program, exact, single};

pub fn programs() -> Vec<Program> {
    let mut programs = Vec::new();
    for dtype in DType::ALL {
        for (rows, columns) in [(3, 4), (7, 9), (1, 1), (0, 4), (7, 1), (2, 8)] {
            programs.push(exact(single(
                &format!("%x: {dtype}[7,9], %i: i32, %j: i32"),
                "dynamic_slice %x, %i, %j",
                &format!("{dtype}[{rows},{columns}]"),
            )));
            programs.push(exact(single(
                &format!("%x: {dtype}[7,9], %u: {dtype}[{rows},{columns}], %i: i64, %j: i64"),
                "dynamic_update_slice %x, %u, %i, %j",
                &format!("{dtype}[7,9]"),
            )));
        }
        programs.push(exact(single(&format!("%x: {dtype}"), "dynamic_slice %x", &dtype.to_string())));
        let empty = format!("%x: {dtype}[0,5], %i: u8, %j: u8");
        programs.push(exact(single(&empty, "dynamic_slice %x, %i, %j", &format!("{dtype}[0,2]"))));
    }
    programs.extend(fused().map(|text| exact(text.to_owned())));
    programs
}

fn fused() -> impl Iterator<Item = &'static str> {
    [
        // Between arithmetic, and with starts that are computed; one start for two axes.
        "func @f(%x: f32[9,40], %i: i32, %s: f32) -> (f32[4,33], f32[4]) {
           %a = neg %x : f32[9,40]
           %two = constant 2 : i32
           %j = add %i, %two : i32
           %b = dynamic_slice %a, %i, %j : f32[4,33]
           %k = broadcast %s, dims=[] : f32[4,33]
           %c = mul %b, %k : f32[4,33]
           %d = dynamic_slice %a, %j, %j : f32[4,33]
           %e = add %c, %d : f32[4,33]
           %r = reduce add %d, axes=[1] : f32[4]
           return %e, %r
         }",
        // Starts out of memory that is written first, and from a reduction.
        "func @f(%x: f64[20], %n: i32[6]) -> (f64[5], i32) {
           %i = reduce max %n, axes=[0] : i32
           %r = dynamic_slice %x, %i : f64[5]
           return %r, %i
         }",
        "func @f(%x: f32[8,12], %p: i32[3]) -> (f32[8], f32[1,12]) {
           %q = slice %p, start=[1], limit=[2] : i32[1]
           %i = reshape %q : i32
           %zero = constant 0 : i32
           %column = dynamic_slice %x, %zero, %i : f32[8,1]
           %c = reshape %column : f32[8]
           %row = dynamic_slice %x, %i, %zero : f32[1,12]
           %s = reduce add %row, axes=[0] : f32[12]
           %b = broadcast %s, dims=[1] : f32[1,12]
           return %c, %b
         }",
        // An update of what it reads, twice in a row, with the operand returned too or not.
        "func @f(%x: f32[6,16], %i: i32) -> f32[6,16] {
           %zero = constant 0 : i32
           %y = neg %x : f32[6,16]
           %row = dynamic_slice %y, %i, %zero : f32[1,16]
           %more = add %row, %row : f32[1,16]
           %z = dynamic_update_slice %y, %more, %i, %zero : f32[6,16]
           %one = constant 1 : i32
           %k = add %i, %one : i32
           %other = dynamic_slice %z, %k, %zero : f32[1,16]
           %w = dynamic_update_slice %z, %other, %zero, %zero : f32[6,16]
           return %w
         }",
        "func @f(%x: f32[6,5], %u: f32[2,3], %i: i32) -> (f32[6,5], f32[6,5], f32[6]) {
           %y = abs %x : f32[6,5]
           %v = neg %u : f32[2,3]
           %z = dynamic_update_slice %y, %v, %i, %i : f32[6,5]
           %s = reduce add %z, axes=[1] : f32[6]
           return %y, %z, %s
         }",
        // The whole of a tensor replaced, and a tensor of no elements.
        "func @f(%x: i64[4], %u: i64[4], %e: i64[0], %i: i64) -> (i64[4], i64[4]) {
           %a = dynamic_update_slice %x, %u, %i : i64[4]
           %b = dynamic_update_slice %x, %e, %i : i64[4]
           return %a, %b
         }",
        // States of loops: an update of the slice that it reads, of another, and by indices.
        "func @f(%x: f32[7,6], %s: i32[5]) -> (f32[7,6], f32[7,6], f32[7,6]) {
           %a = scan %x, %s, length=5, consts=0, carry=1 : f32[7,6]
             body(%c: f32[7,6], %i: i32) {
               %zero = constant 0 : i32
               %row = dynamic_slice %c, %i, %zero : f32[1,6]
               %sum = add %row, %row : f32[1,6]
               %next = dynamic_update_slice %c, %sum, %i, %zero : f32[7,6]
               yield %next
             }
           %b = scan %x, %s, length=5, consts=0, carry=1 : f32[7,6]
             body(%c_1: f32[7,6], %i_1: i32) {
               %zero_1 = constant 0 : i32
               %k = neg %i_1 : i32
               %row_1 = dynamic_slice %c_1, %k, %zero_1 : f32[2,5]
               %turned = reverse %row_1, axes=[0,1] : f32[2,5]
               %next_1 = dynamic_update_slice %c_1, %turned, %i_1, %i_1 : f32[7,6]
               yield %next_1
             }
           %d = scan %x, %s, length=5, consts=0, carry=1, reverse=true : f32[7,6]
             body(%c_2: f32[7,6], %i_2: i32) {
               %t = broadcast %i_2, dims=[] : i32[3]
               %u = iota axis=1 : f32[3,6]
               %next_2 = scatter add %c_2, %t, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop : f32[7,6]
               yield %next_2
             }
           return %a, %b, %d
         }",
        // What passes do not look through.
        "func @f(%x: f32[9], %i: i32[3]) -> (f32[9], i32[3], f32[9], f32) {
           %y = exp2 %x : f32[9]
           %a, %b = optimization_barrier %y, %i : f32[9], i32[3]
           %z = neg %a : f32[9]
           %c = constant 2 : f32
           %d = optimization_barrier %c : f32
           %s = stop_gradient %z : f32[9]
           return %a, %b, %s, %d
         }",
    ]
    .into_iter()
}
