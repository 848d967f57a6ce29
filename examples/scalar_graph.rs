//! A computation is a graph, and its derivative is a walk through the graph backwards.
//!
//! The function is `φ = (a·w + b)²`. Give every intermediate result a name and it is a graph of three operations:
//!
//! ```text
//! a ─┐
//!    ├─ p = a·w ─┐
//! w ─┘           ├─ s = p + b ─── φ = s²
//! b ─────────────┘
//! ```
//!
//! The *adjoint* (or cotangent) of a node is the derivative of φ with respect to it. At the end it is ∂φ/∂φ = 1. An operation that
//! knows the adjoint of its result (*upstream*) multiplies it with its own derivative (*local*), and what comes out is the
//! adjoint of its operand (*downstream*), which is upstream for the operation before. That is the chain rule, one operation at a time:
//!
//! ```text
//! downstream = upstream × local derivative
//! ```
//!
//! Only the end result is differentiated, and one walk finds the adjoints of *all* nodes. That is why training runs backwards.

use std::error::Error;

use pullback::prelude::*;
use pullback::{Stage, dump};

/// One operand of one operation, as a row of the table.
struct Row {
    operation: &'static str,
    operand: &'static str,
    upstream: f64,
    /// The derivative of the operation's result with respect to the operand, by hand.
    local: f64,
    /// The operand's adjoint, as the compiled program found it.
    downstream: f64,
}

fn main() -> Result<(), Box<dyn Error>> {
    clap::Command::new("scalar_graph")
        .about("Shows the adjoint of every node of a small graph, and the program that computes them")
        .get_matches();

    let mut module = Module::new();
    let phi = trace(&module, "phi", |g| {
        let [a, w, b] = ["a", "w", "b"].map(|name| g.input(name, DType::F64, []));
        // The adjoint of an inner node says what a nudge of that node does to φ. So each gets a nudge, whose value will be 0.
        let [nudge_p, nudge_s] = ["nudge_p", "nudge_s"].map(|name| g.input(name, DType::F64, []));
        let p = (a * w + nudge_p).named("p");
        let s = (p + b + nudge_s).named("s");
        vec![s.square().named("phi")]
    })?;
    let phi = module.add(phi);

    let module = verify(module)?;
    let options = Options::new().value_and_grad(["a", "w", "b", "nudge_p", "nudge_s"]);

    println!("The program, and the program that differentiation made of it (`x_ct` is the adjoint of `x`):\n");
    println!("{}", dump(&module, phi, &options, Stage::Tensor)?);
    println!("{}", dump(&module, phi, &options, Stage::Adjoint)?);

    let (a, w, b, zero) = (2.0, 3.0, 1.0, 0.0);
    let compiled = compile(&module, phi, &options)?;
    let results = compiled.run(&[a, w, b, zero, zero].each_ref().map(ArgRef::scalar))?;
    let mut numbers = [0.0; 6];
    for (number, result) in numbers.iter_mut().zip(&results) {
        *number = result.item()?;
    }
    let [phi, a_ct, w_ct, b_ct, p_ct, s_ct] = numbers;

    let (p, s) = (a * w, a * w + b);
    println!("With a = {a}, w = {w}, b = {b}: p = {p}, s = {s}, φ = {phi}.\n");
    let rows = [
        Row { operation: "φ = s²", operand: "s", upstream: 1.0, local: 2.0 * s, downstream: s_ct },
        Row { operation: "s = p + b", operand: "p", upstream: s_ct, local: 1.0, downstream: p_ct },
        Row { operation: "s = p + b", operand: "b", upstream: s_ct, local: 1.0, downstream: b_ct },
        Row { operation: "p = a·w", operand: "a", upstream: p_ct, local: w, downstream: a_ct },
        Row { operation: "p = a·w", operand: "w", upstream: p_ct, local: a, downstream: w_ct },
    ];
    println!("operation   operand   upstream × local = downstream");
    for Row { operation, operand, upstream, local, downstream } in &rows {
        println!("{operation:<11} {operand:<7} {upstream:10} × {local:5} = {downstream:10}");
    }

    let wrong = rows.iter().find(|row| row.upstream * row.local != row.downstream);
    match wrong {
        Some(row) => {
            Err(format!("at {}, operand {}: downstream is not upstream × local", row.operation, row.operand).into())
        }
        None if phi == s * s => Ok(()),
        None => Err(format!("φ is {phi}, expected {}", s * s).into()),
    }
}
