//! Copies of a chain of functions in turns, statement by statement.
//!
//! An element that goes through several long functions, as in `log(exp(x))`, is a chain of some hundred instructions each of which waits for the one before it. A processor runs
//! ahead to the next element as far as its schedulers reach, which is not far enough: one loop over such a chain can take longer than a loop for each function, whose chains are
//! short. Loops over vectors are written out for several vectors, and a row that vectors do not divide has a loop of one iteration for the rest. Where such copies
//! stand behind each other they become one sequence in which their statements alternate, so that there is always more than one chain to work on.
//!
//! Only copies of at least two long functions change, and only as many together as have variables for the registers. Each chain computes what it did before.
//!
//! Before and after: a verified program with the same stores.

use std::collections::HashMap;

use cranelift_entity::SecondaryMap;

use crate::contract_mul_add::for_each_operand;
use crate::program::{Affine, Buffer, Expr, For, Index, Place, Program, Stmt, Var, VarType};
use crate::promote::{are_apart, takes_long, with_operands};
use crate::step::for_each_kernel_mut;

/// The functions of a chain that is worth it.
const LEAST: usize = 2;

/// The most statements of a copy.
const MAX_STATEMENTS: usize = 48;

/// The most copies that alternate: more gain nothing.
const MAX_COPIES: usize = 4;

/// The most variables of all copies that are needed later at any time: there are 16 registers, some of which the functions themselves take.
const MAX_LIVE: usize = 12;

/// Lets copies of chains alternate in all kernels.
pub fn interleave(program: &mut Program) {
    let vars = &program.vars;
    let mut pass = Pass { ty: &|var| vars[var], places: SecondaryMap::with_capacity(vars.len()) };
    for_each_kernel_mut(&mut program.body, &mut |kernel| pass.scope(&mut kernel.body));
}

struct Pass<'a> {
    ty: &'a dyn Fn(Var) -> VarType,
    /// The statement in the list at hand that assigns a variable, and the last that reads it.
    places: SecondaryMap<Var, Option<(usize, usize)>>,
}

impl Pass<'_> {
    fn scope(&mut self, stmts: &mut Vec<Stmt>) {
        for stmt in &mut *stmts {
            match stmt {
                Stmt::For(inner) => self.scope(&mut inner.body),
                Stmt::If(inner) => self.scope(&mut inner.body),
                Stmt::Let(..) | Stmt::Store(..) | Stmt::Bind(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {}
            }
        }
        if !has_chain(stmts) {
            return;
        }
        unwrap_single_iterations(stmts);
        let shapes = shapes(stmts);
        let mut at = 0;
        while at < stmts.len() {
            let most = MAX_STATEMENTS.min((stmts.len() - at) / 2);
            let mut candidates =
                (LEAST..=most).map(|length| (length, self.copies(&stmts[at..], &shapes[at..], length)));
            let found = candidates.find(|&(_, copies)| copies > 1);
            if let Some((length, copies)) = found {
                alternate(&mut stmts[at..at + copies * length], length);
            }
            at += found.map_or(1, |(length, copies)| copies * length);
        }
    }

    /// How many copies of the first statements, so many, may alternate: those that stand behind each other, none of which needs what one in front of it does.
    fn copies(&mut self, stmts: &[Stmt], shapes: &[usize], length: usize) -> usize {
        let copy = |number: usize| number * length..(number + 1) * length;
        if shapes[copy(0)] != shapes[copy(1)] {
            return 1;
        }
        let long = stmts[copy(0)].iter().filter(|stmt| matches!(stmt, Stmt::Let(_, expr) if takes_long(expr))).count();
        if long < LEAST {
            return 1;
        }
        let fit = MAX_LIVE / self.most_live(&stmts[copy(0)]).max(1);
        let most = MAX_COPIES.min(fit).min(stmts.len() / length);
        let fits = |&number: &usize| {
            shapes[copy(0)] == shapes[copy(number)]
                && (0..number).all(|earlier| self.are_independent(&stmts[copy(earlier)], &stmts[copy(number)]))
        };
        // Three of four leave one alone.
        match 1 + (1..most).take_while(fits).count() {
            3 => 2,
            copies => copies,
        }
    }

    fn are_independent(&self, first: &[Stmt], second: &[Stmt]) -> bool {
        let assigned: Vec<Var> = first.iter().filter_map(assigned).collect();
        let mut reads = false;
        second.iter().for_each(|stmt| for_each_read(stmt, &mut |var| reads |= assigned.contains(&var)));
        let meets = |one: &Stmt, other: &Stmt| match (access(one), access(other)) {
            (Some((one, a, stores)), Some((other, b, also))) => {
                (stores || also) && !are_apart((one, (self.ty)(a)), (other, (self.ty)(b)))
            }
            (_, _) => false,
        };
        !reads
            && second.iter().enumerate().all(|(number, one)| first[number + 1..].iter().all(|other| !meets(one, other)))
    }

    /// The most variables that are assigned among some statements and needed behind one of them; those that nothing there reads are needed behind all.
    fn most_live(&mut self, stmts: &[Stmt]) -> usize {
        for (number, stmt) in stmts.iter().enumerate() {
            for_each_read(stmt, &mut |var| {
                if let Some(place) = &mut self.places[var] {
                    place.1 = number;
                }
            });
            if let Some(var) = assigned(stmt) {
                self.places[var] = Some((number, usize::MAX));
            }
        }
        let lives: Vec<(usize, usize)> =
            stmts.iter().filter_map(assigned).filter_map(|var| self.places[var].take()).collect();
        (0..stmts.len()).map(|at| lives.iter().filter(|life| life.0 <= at && at < life.1).count()).max().unwrap_or(0)
    }
}

/// Whether statements, and those in single iterations among them, have the functions of two chains.
fn has_chain(stmts: &[Stmt]) -> bool {
    let count =
        |stmts: &[Stmt]| stmts.iter().filter(|stmt| matches!(stmt, Stmt::Let(_, expr) if takes_long(expr))).count();
    let inside: usize = stmts.iter().filter_map(single_iteration).map(|inner| count(&inner.body)).sum();
    count(stmts) + inside >= 2 * LEAST
}

/// A loop that runs once and has nothing but assignments and stores.
fn single_iteration(stmt: &Stmt) -> Option<&For> {
    let Stmt::For(inner) = stmt else { return None };
    let is_plain = inner.body.iter().all(|stmt| matches!(stmt, Stmt::Let(..) | Stmt::Store(..)));
    (inner.extent == inner.step && inner.carried.is_empty() && is_plain).then_some(inner)
}

fn unwrap_single_iterations(stmts: &mut Vec<Stmt>) {
    if stmts.iter().filter_map(single_iteration).count() < 2 {
        return;
    }
    let mut unwrapped = Vec::with_capacity(stmts.len());
    for stmt in stmts.drain(..) {
        let Some(inner) = single_iteration(&stmt) else {
            unwrapped.push(stmt);
            continue;
        };
        unwrapped.extend(inner.body.iter().map(|stmt| without_counter(stmt, inner.index)));
    }
    *stmts = unwrapped;
}

/// An assignment or store where a counter is 0.
fn without_counter(stmt: &Stmt, index: Index) -> Stmt {
    let affine = |from: &Affine| {
        let mut affine = from.clone();
        affine.terms.retain(|term| term.0 != index);
        affine
    };
    let moved = |place: &Place| Place { index: affine(&place.index), ..place.clone() };
    match stmt {
        Stmt::Let(var, Expr::Load(place)) => Stmt::Let(*var, Expr::Load(moved(place))),
        Stmt::Let(var, Expr::Position { index, lane_stride }) => {
            Stmt::Let(*var, Expr::Position { index: affine(index), lane_stride: *lane_stride })
        }
        Stmt::Store(place, var) => Stmt::Store(moved(place), *var),
        other => other.clone(),
    }
}

/// Copies of so many statements in turns.
fn alternate(stmts: &mut [Stmt], length: usize) {
    let copies = stmts.len() / length;
    let turns = (0..length).flat_map(|number| (0..copies).map(move |copy| copy * length + number));
    let turns: Vec<Stmt> = turns.map(|number| stmts[number].clone()).collect();
    stmts.clone_from_slice(&turns);
}

/// A number for each statement, the same for those that differ in variables, positions and types alone; a loop and the like is like nothing else.
fn shapes(stmts: &[Stmt]) -> Vec<usize> {
    #[derive(PartialEq, Eq, Hash)]
    enum Shape {
        Load(Buffer, i64),
        Position(i64),
        Let(Expr),
        Store(Buffer),
        Other(usize),
    }
    let mut known = HashMap::new();
    let shapes = stmts.iter().enumerate().map(|(number, stmt)| {
        let shape = match stmt {
            Stmt::Let(_, Expr::Load(place)) => Shape::Load(place.buffer, place.lane_stride),
            Stmt::Let(_, Expr::Position { lane_stride, .. }) => Shape::Position(*lane_stride),
            Stmt::Let(_, expr) => Shape::Let(with_operands(expr, |_| Var::from_u32(0))),
            Stmt::Store(place, _) => Shape::Store(place.buffer),
            Stmt::For(_) | Stmt::If(_) | Stmt::Bind(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {
                Shape::Other(number)
            }
        };
        let next = known.len();
        *known.entry(shape).or_insert(next)
    });
    shapes.collect()
}

fn assigned(stmt: &Stmt) -> Option<Var> {
    if let Stmt::Let(var, _) = stmt { Some(*var) } else { None }
}

fn for_each_read(stmt: &Stmt, visit: &mut impl FnMut(Var)) {
    match stmt {
        Stmt::Let(_, expr) => for_each_operand(expr, visit),
        Stmt::Store(_, var) => visit(*var),
        Stmt::For(_) | Stmt::If(_) | Stmt::Bind(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {}
    }
}

/// Where a statement loads or stores a variable, and whether it stores.
fn access(stmt: &Stmt) -> Option<(&Place, Var, bool)> {
    match stmt {
        Stmt::Let(var, Expr::Load(place)) => Some((place, *var, false)),
        Stmt::Store(place, var) => Some((place, *var, true)),
        Stmt::Let(..) | Stmt::For(_) | Stmt::If(_) | Stmt::Bind(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {
            None
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use pullback_ir::Elements;

    use super::*;
    use crate::interpret::interpret;
    use crate::parse::parse_program;
    use crate::verify::verify;

    fn program(kernel: &str) -> Program {
        let text = format!(
            "program @f {{
  buffer %x : f32[9] input 0
  buffer %y : f32[9] output 0
  arena 0

  kernel @k \"\" {{
{kernel}
  }}
}}
"
        );
        verify(parse_program(&text).unwrap()).unwrap().into_inner()
    }

    /// Both programs compute the same; gives the text of the second one.
    fn interleaved(program: &Program) -> String {
        let mut changed = program.clone();
        interleave(&mut changed);
        let text = changed.to_string();
        let run = |program: Program| {
            let x = (0..9u8).map(|x| f32::from(x) / 4.0 - 1.0).collect();
            interpret(&verify(program).unwrap(), &[Elements::F32(x)]).unwrap()
        };
        assert_eq!(run(program.clone()), run(changed));
        text
    }

    /// The operations in order.
    fn operations(text: &str) -> Vec<&str> {
        let words = text.lines().filter_map(|line| line.trim().split(" = ").last()?.split(' ').next());
        words.filter(|word| ["load", "exp", "tanh", "store"].contains(word)).collect()
    }

    const IN_TURNS: [&str; 8] = ["load", "load", "exp", "exp", "tanh", "tanh", "store", "store"];

    #[test]
    fn a_vector_and_the_rest_of_a_row_alternate() {
        let rest = "    for i0 = 0 to 8 step 8 {
      v0 = load %x[i0] : f32x8
      v1 = exp v0 : f32x8
      v2 = tanh v1 : f32x8
      store %y[i0], v2
    }
    for i1 = 0 to 1 step 1 {
      v3 = load %x[i1 + 8] : f32
      v4 = exp v3 : f32
      v5 = tanh v4 : f32
      store %y[i1 + 8], v5
    }";
        let text = interleaved(&program(rest));
        assert_eq!(operations(&text), IN_TURNS, "{text}");
        assert!(!text.contains("for "), "{text}");
        // One function does not pay.
        let short = rest.replace("      v2 = tanh v1 : f32x8\n", "").replace("      v5 = tanh v4 : f32\n", "");
        let short = program(&short.replace("], v2", "], v1").replace("], v5", "], v4"));
        assert_eq!(interleaved(&short), short.to_string());
    }

    #[test]
    fn two_vectors_of_an_iteration_alternate_if_neither_needs_the_other() {
        let two = |second: &str| {
            format!(
                "    for i0 = 0 to 8 step 8 {{
      v0 = load %x[i0] : f32x4
      v1 = exp v0 : f32x4
      v2 = tanh v1 : f32x4
      store %y[i0], v2
      v3 = load {second} : f32x4
      v4 = exp v3 : f32x4
      v5 = tanh v4 : f32x4
      store %y[i0 + 4], v5
    }}
    v6 = const 1.0 : f32
    store %y[8], v6"
            )
        };
        let text = interleaved(&program(&two("%x[i0 + 4]")));
        assert_eq!(operations(&text)[..8], IN_TURNS, "{text}");
        // The same operations, one behind the other in memory.
        let kept = program(&two("%y[i0]"));
        assert_eq!(interleaved(&kept), kept.to_string());
    }

    #[test]
    fn a_chain_of_one_value_stays_as_it_is() {
        let chain = program(
            "    for i0 = 0 to 9 step 1 {
      v0 = load %x[i0] : f32
      v1 = exp v0 : f32
      v2 = tanh v1 : f32
      v3 = exp v2 : f32
      v4 = tanh v3 : f32
      store %y[i0], v4
    }",
        );
        assert_eq!(interleaved(&chain), chain.to_string());
    }
}
