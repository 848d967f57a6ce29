//! Factors and solutions.

use super::{Program, close};

pub fn programs() -> Vec<Program> {
    let mut programs = Vec::new();
    for dtype in ["f32", "f64"] {
        for (batch, n) in [("", 1), ("", 2), ("", 9), ("3,", 4), ("2,1,", 5), ("", 0), ("0,", 3)] {
            programs.push(close(cholesky(dtype, batch, n), 1e-13));
            for flags in 0..16 {
                programs.push(close(solve(dtype, batch, n, flags), 1e-13));
            }
        }
    }
    programs
}

/// The factor of a positive definite matrix, and of one that is not.
fn cholesky(dtype: &str, batch: &str, n: usize) -> String {
    let rank = batch.matches(',').count();
    let axes: Vec<String> = (0..rank).map(|axis| axis.to_string()).collect();
    let axes = axes.join(",");
    let ty = format!("{dtype}[{batch}{n},{n}]");
    let truth = format!("bool[{batch}{n},{n}]");
    format!(
        "func @f(%g: {ty}) -> ({ty}, {ty}) {{
           %p = dot %g, %g, batch=[{axes}]x[{axes}], contract=[{last}]x[{last}] : {ty}
           %i = iota axis={rank} : i32[{batch}{n},{n}]
           %j = iota axis={last} : i32[{batch}{n},{n}]
           %d = compare eq %i, %j : {truth}
           %one = constant 1 : {dtype}
           %zero = constant 0 : {dtype}
           %ones = broadcast %one, dims=[] : {ty}
           %zeros = broadcast %zero, dims=[] : {ty}
           %unit = select %d, %ones, %zeros : {ty}
           %a = add %p, %unit : {ty}
           %l = cholesky %a : {ty}
           %m = sub %zeros, %a : {ty}
           %k = cholesky %m : {ty}
           return %l, %k
         }}",
        last = rank + 1
    )
}

/// Both operands computed, the triangle with a diagonal that keeps solutions small.
fn solve(dtype: &str, batch: &str, n: usize, flags: usize) -> String {
    let rank = batch.matches(',').count();
    let [left, lower, transpose, unit] = [0, 1, 2, 3].map(|bit| flags >> bit & 1 == 1);
    let a = format!("{dtype}[{batch}{n},{n}]");
    let b = if left { format!("{dtype}[{batch}{n},3]") } else { format!("{dtype}[{batch}3,{n}]") };
    let names = [("left", left), ("lower", lower), ("transpose", transpose), ("unit", unit)];
    let words: String = names.into_iter().filter(|flag| flag.1).map(|flag| format!(", {}=true", flag.0)).collect();
    format!(
        "func @f(%g: {a}, %h: {b}) -> {b} {{
           %i = iota axis={rank} : i32[{batch}{n},{n}]
           %j = iota axis={last} : i32[{batch}{n},{n}]
           %d = compare eq %i, %j : bool[{batch}{n},{n}]
           %four = constant 4 : {dtype}
           %fours = broadcast %four, dims=[] : {a}
           %q = div %g, %fours : {a}
           %t = select %d, %fours, %q : {a}
           %b = neg %h : {b}
           %x = triangular_solve %t, %b{words} : {b}
           return %x
         }}",
        last = rank + 1
    )
}
