//! Packed right factors: the kernels of the runtime against the interpreter.

use pullback_codegen::{Options, compile};
use pullback_ir::Elements;
use pullback_loops::interpret;
use pullback_runtime::ArgRef;

use super::support::{program, signature};

/// Two matrices `k × n` of a batch, each packed in two parts, in a worker's memory or the arena; each multiplied by whole, and the second strip by itself.
fn text(dtype: &str, (m, n, k): (usize, usize, usize), by_columns: bool, parallel: bool) -> String {
    let strips = n.div_ceil(64);
    let (strip, copy) = (64 * k, 64 * k * strips);
    let (rows, columns) = if by_columns { (1, k) } else { (n, 1) };
    let (space, arena) = if parallel { ("local", "arena 0 local") } else { ("arena", "arena") };
    let bytes = (copy * if dtype == "f32" { 4 } else { 8 }).next_multiple_of(64);
    let (first, rest) = (n.min(64), n - n.min(64));
    let around = if parallel { "parallel loop" } else { "loop" };
    format!(
        "program @f {{
           buffer %x : {dtype}[{}] input 0 buffer %w : {dtype}[{}] input 1
           buffer %y : {dtype}[{}] output 0 buffer %z : {dtype}[{}] output 1
           buffer %p : {dtype}[{copy}] {space} 0
           {arena} {bytes}
           {around} i0 = 0 to 2 {{
             kernel @rest \"\" {{ pack {dtype} {k}x{rest} %p[{strip}] = %w[{}*i0 + {}; {rows}, {columns}] }}
             kernel @first \"\" {{ pack {dtype} {k}x{first} %p[0] = %w[{}*i0; {rows}, {columns}] }}
             kernel @y \"\" {{
               gemm {dtype} {m}x{n}x{k} %y[{}*i0; {n}, 1] = %x[0; {k}, 1] * packed %p[0]
               gemm {dtype} {m}x{n}x{k} %y[{}*i0; {n}, 1] += %x[0; {k}, 1] * packed %p[0]
             }}
             kernel @z \"\" {{
               gemm {dtype} {m}x{rest}x{k} %z[{}*i0; {rest}, 1] = %x[0; {k}, 1] * packed %p[{strip}]
             }}
           }}
         }}",
        m * k,
        2 * k * n,
        2 * m * n,
        2 * m * rest,
        k * n,
        first * columns,
        k * n,
        m * n,
        m * n,
        m * rest,
    )
}

/// Whole numbers so small that sums of products are exact in any order.
fn numbers(count: usize, by: usize) -> Vec<f64> {
    (0..count).map(|i| ((i * by + 3) % 11) as f64 - 5.0).collect()
}

#[test]
fn products_by_packed_factors_are_those_of_the_interpreter() {
    for (m, n, k) in [(1, 65, 1), (7, 100, 3), (33, 128, 40), (16, 193, 70), (5, 97, 600)] {
        for (by_columns, parallel) in [(false, false), (true, true), (true, false)] {
            for threads in [1, 2] {
                let options = Options { threads, verify: true, ..Options::default() };
                let (x, w) = (numbers(m * k, 7), numbers(2 * k * n, 5));
                let at = format!("{m}×{n}×{k}, by columns {by_columns}, parallel {parallel}, {threads} threads");

                let program64 = program(&text("f64", (m, n, k), by_columns, parallel));
                let inputs = [Elements::F64(x.clone()), Elements::F64(w.clone())];
                let expected = interpret(&program64, &inputs).unwrap_or_else(|error| panic!("{at}: {error}"));
                let executable = compile(&program64, signature(&program64), &options).unwrap().executable;
                let found = executable.run(&[ArgRef::from(&x[..]), ArgRef::from(&w[..])]).unwrap();
                for (found, expected) in found.iter().zip(&expected) {
                    assert_eq!(Elements::F64(found.as_slice::<f64>().unwrap().to_vec()), *expected, "{at}");
                }

                let program32 = program(&text("f32", (m, n, k), by_columns, parallel));
                let narrow = |list: &[f64]| list.iter().map(|&x| x as f32).collect::<Vec<f32>>();
                let (x, w) = (narrow(&x), narrow(&w));
                let executable = compile(&program32, signature(&program32), &options).unwrap().executable;
                let found = executable.run(&[ArgRef::from(&x[..]), ArgRef::from(&w[..])]).unwrap();
                for (found, expected) in found.iter().zip(&expected) {
                    let Elements::F64(expected) = expected else { panic!("{at}: results of another type") };
                    assert_eq!(found.as_slice::<f32>().unwrap(), narrow(expected), "{at}");
                }
            }
        }
    }
}
