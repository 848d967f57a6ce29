//! Einstein sums against nested loops.

use pullback_graph::trace;
use pullback_ir::{DType, Module, Op};

use crate::{counting, expect, vector};

#[test]
fn one_operand_is_permuted_summed_and_cut_to_its_diagonal() {
    expect(&[3, 2], &[0.0, 3.0, 1.0, 4.0, 2.0, 5.0], |g| g.einsum("ij->ji", &[counting(g, &[2, 3])]));
    expect(&[2], &[3.0, 12.0], |g| g.einsum("ij->i", &[counting(g, &[2, 3])]));
    expect(&[], &[15.0], |g| g.einsum("ij->", &[counting(g, &[2, 3])]));
    expect(&[3], &[0.0, 4.0, 8.0], |g| g.einsum("ii->i", &[counting(g, &[3, 3])]));
    expect(&[], &[12.0], |g| g.einsum("ii", &[counting(g, &[3, 3])]));
    // x[i, j, i] of x = 4 i + 2 j + k, as [j, i].
    expect(&[2, 2], &[0.0, 5.0, 2.0, 7.0], |g| g.einsum("iji->ji", &[counting(g, &[2, 2, 2])]));
    // x[i, i, i]
    expect(&[], &[7.0], |g| g.einsum("iii->", &[counting(g, &[2, 2, 2])]));
}

#[test]
fn two_operands_are_multiplied_over_what_they_share() {
    expect(&[2, 2], &[2.0, 3.0, 6.0, 11.0], |g| {
        g.einsum("ij, jk -> ik", &[counting(g, &[2, 2]), counting(g, &[2, 2])])
    });
    // Without ->, the letters that occur once, in alphabetical order: the product transposed.
    expect(&[2, 2], &[2.0, 6.0, 3.0, 11.0], |g| g.einsum("kj, ji", &[counting(g, &[2, 2]), counting(g, &[2, 2])]));
    expect(&[2, 3], &[0.0, 1.0, 2.0, 0.0, 2.0, 4.0], |g| {
        g.einsum("i,j->ij", &[vector(g, &[1.0, 2.0]), counting(g, &[3])])
    });
    expect(&[3], &[0.0, 1.0, 4.0], |g| g.einsum("i,i->i", &[counting(g, &[3]), counting(g, &[3])]));
    expect(&[], &[5.0], |g| g.einsum("i,i", &[counting(g, &[3]), counting(g, &[3])]));
    // A letter that one operand alone has is summed there.
    expect(&[2], &[0.0, 6.0], |g| {
        g.einsum("i,ij->i", &[counting(g, &[2]), counting(g, &[2, 3]) - g.full(DType::F64, [2, 3], 2)])
    });
}

#[test]
fn batches_and_more_operands_match_loops() {
    let (a, b, c) = ([2, 3, 4], [4, 2, 5], [3, 5]);
    let value = |index: usize, speed: f64| (speed * index as f64).sin();
    let mut expected = Vec::new();
    // bij, jbk, ik -> kb
    for k in 0..5 {
        for batch in 0..2 {
            let mut sum = 0.0;
            for i in 0..3 {
                for j in 0..4 {
                    sum += value((batch * 3 + i) * 4 + j, 0.3)
                        * value((j * 2 + batch) * 5 + k, 0.7)
                        * value(i * 5 + k, 1.1);
                }
            }
            expected.push(sum);
        }
    }
    expect(&[5, 2], &expected, |g| {
        let operands = [(counting(g, &a) * 0.3).sin(), (counting(g, &b) * 0.7).sin(), (counting(g, &c) * 1.1).sin()];
        g.einsum("bij,jbk,ik->kb", &operands)
    });
}

#[test]
fn contractions_become_products_of_matrices() {
    let module = Module::new();
    let function = trace(&module, "f", |g| {
        let (q, k) = (g.input("q", DType::F32, [2, 5, 8]), g.input("k", DType::F32, [2, 7, 8]));
        vec![g.einsum("btd,bsd->bts", &[q, k])]
    })
    .unwrap();
    assert_eq!(function.insts().len(), 1);
    assert!(matches!(function.op(function.insts()[0]), Op::Dot(_)));
}
