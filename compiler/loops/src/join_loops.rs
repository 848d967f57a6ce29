//! Loops over the same positions as one loop.
//!
//! The regions of a tile become kernels one after the other, each with loops of its own: a row is stored, then loaded again to be summed. Where
//! the second loop at each of its positions needs of the first only what that has stored at the same position, both are one loop, in which the
//! value is passed on in a variable: a load less, and the counting of a loop. A core that executes six instructions at a time is otherwise kept busy with them.
//!
//! Two lists of statements are joined at the last loop of the first and the first loop of the second, `a F b` and `c G d` to `a c FG b d`, if
//!
//! * what is moved past each other is independent: `c` of `F` and `b`, `G` of `b`;
//! * the loops run equally often, one counting rows perhaps and the other their elements, and where both touch a buffer that one of them stores to, an iteration touches
//!   positions that no other iteration does;
//! * their bodies can be joined in turn, or are free of loops. A loop without loops inside is written out as often as the steps of the other ask.
//!
//! Values are computed by the same operations in the same order as before, so results are the same to the last bit. A kernel may be
//! moved before others that it is independent of.

use std::borrow::Cow;
use std::collections::BTreeMap;

use cranelift_entity::SecondaryMap;

use crate::program::{Affine, Buffer, Carried, Expr, For, Index, Kernel, Place, Program, Stmt, Var, VarType};
use crate::promote::{are_apart, takes_long, with_operands};
use crate::step::Step;

/// The most statements of a joined loop, functions counting for [`LONG`]: larger bodies run out of registers.
const MAX_STATEMENTS: usize = 256;

/// How many statements a function counts for.
const LONG: usize = 32;

/// Joins kernels among steps that follow each other.
pub fn join_loops(program: &mut Program, steps: Vec<Step>) -> Vec<Step> {
    let mut joined: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        let Step::Kernel(kernel) = step else {
            joined.push(step);
            continue;
        };
        if !join_with_earlier(program, &mut joined, &kernel) {
            joined.push(Step::Kernel(kernel));
        }
    }
    joined
}

/// Joins a kernel with the last one that it can be joined with and can be moved to; says whether there is one.
fn join_with_earlier(program: &mut Program, earlier: &mut [Step], kernel: &Kernel) -> bool {
    let Some(touched) = touches(program, &kernel.body, None) else { return false };
    for step in earlier.iter_mut().rev() {
        let Step::Kernel(other) = step else { return false };
        if let Some(body) = join(program, &other.body, &kernel.body) {
            other.body = body;
            other.about = format!("{}; {}", other.about, kernel.about);
            return true;
        }
        match touches(program, &other.body, None) {
            Some(others) if are_independent(&others, &touched) => {}
            Some(_) | None => return false,
        }
    }
    false
}

/// What a part of a loop touches of a buffer, for all values of the counters in it.
struct Touch {
    buffer: Buffer,
    is_store: bool,
    /// Counters of the loops around, except the one that is looked at.
    around: Vec<(Index, i64)>,
    /// The coefficient of the counter of the loop that is looked at.
    coefficient: i64,
    /// The least and the greatest position, beside what these counters add.
    span: (i64, i64),
}

/// What statements touch, seen from the loop with a counter; `None` if there are other statements than assignments, stores and loops.
fn touches(program: &Program, stmts: &[Stmt], counter: Option<Index>) -> Option<Vec<Touch>> {
    let mut found = Vec::new();
    collect(program, stmts, (counter, &mut BTreeMap::new()), &mut found)?;
    Some(found)
}

/// `inner`: the greatest value of each counter inside.
fn collect(
    program: &Program,
    stmts: &[Stmt],
    (counter, inner): (Option<Index>, &mut BTreeMap<Index, i64>),
    found: &mut Vec<Touch>,
) -> Option<()> {
    for stmt in stmts {
        match stmt {
            Stmt::Let(var, Expr::Load(place)) => {
                found.push(touch((place, program.vars[*var]), false, (counter, inner)));
            }
            Stmt::Let(..) => {}
            Stmt::Store(place, var) => found.push(touch((place, program.vars[*var]), true, (counter, inner))),
            Stmt::For(nested) => {
                inner.insert(nested.index, (nested.extent - nested.step).max(0));
                collect(program, &nested.body, (counter, inner), found)?;
            }
            Stmt::Bind(_) | Stmt::If(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => return None,
        }
    }
    Some(())
}

fn touch(
    (place, ty): (&Place, VarType),
    is_store: bool,
    (counter, inner): (Option<Index>, &BTreeMap<Index, i64>),
) -> Touch {
    let (mut low, mut high) = (place.index.offset, place.index.offset);
    let mut extend = |distance: i64| {
        low += distance.min(0);
        high += distance.max(0);
    };
    extend(place.lane_stride * (i64::from(ty.lanes) - 1));
    let (mut around, mut coefficient) = (Vec::new(), 0);
    for &(index, factor) in &place.index.terms {
        match inner.get(&index) {
            _ if Some(index) == counter => coefficient = factor,
            Some(most) => extend(factor * most),
            None => around.push((index, factor)),
        }
    }
    Touch { buffer: place.buffer, is_store, around, coefficient, span: (low, high) }
}

/// Whether nothing that one part stores is touched by the other.
fn are_independent(some: &[Touch], others: &[Touch]) -> bool {
    some.iter().all(|one| others.iter().all(|other| one.buffer != other.buffer || !(one.is_store || other.is_store)))
}

/// The two lists as one, with their loops joined; or one behind the other if neither has a loop.
fn join(program: &mut Program, first: &[Stmt], second: &[Stmt]) -> Option<Vec<Stmt>> {
    let at = first.iter().rposition(is_loop);
    let (Some(at), Some(by)) = (at, second.iter().position(is_loop)) else {
        let any = first.iter().chain(second).any(is_loop);
        return (!any).then(|| forward(program, first.iter().chain(second)));
    };
    let (Stmt::For(one), Stmt::For(other)) = (&first[at], &second[by]) else { return None };
    let [before, inside, behind] =
        [&second[..by], &second[by..=by], &first[at + 1..]].map(|part| touches(program, part, None));
    let (before, inside, behind) = (before?, inside?, behind?);
    let passed = touches(program, &first[at..], None)?;
    if !are_independent(&passed, &before) || !are_independent(&behind, &inside) {
        return None;
    }
    let both = join_two(program, one, other)?;
    let (lead, rest) = (first[..at].iter().chain(&second[..by]), first[at + 1..].iter().chain(&second[by + 1..]));
    Some(lead.cloned().chain([Stmt::For(Box::new(both))]).chain(rest.cloned()).collect())
}

const fn is_loop(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::For(_))
}

fn join_two(program: &mut Program, one: &For, other: &For) -> Option<For> {
    let extent = one.extent.min(other.extent);
    let (one, other) = (&counting_to(program, one, extent)?, &counting_to(program, other, extent)?);
    let step = one.step.max(other.step);
    if step % one.step != 0 || step % other.step != 0 {
        return None;
    }
    if !iterations_are_apart(program, (one, other), step)? {
        return None;
    }
    if weight(&one.body) * (step / one.step) as usize + weight(&other.body) * (step / other.step) as usize
        > MAX_STATEMENTS
    {
        return None;
    }
    let (one, other) = (repeated(program, one, (one.index, step))?, repeated(program, other, (one.index, step))?);
    let carried: Vec<Carried> = one.carried.iter().chain(&other.carried).copied().collect();
    // What is loaded may get another name.
    let is_carried = |var: Var| carried.iter().any(|carried| carried.next == var);
    let loads = |stmt: &Stmt| matches!(stmt, Stmt::Let(var, Expr::Load(_)) if is_carried(*var));
    if one.body.iter().chain(&other.body).any(loads) {
        return None;
    }
    let body = join(program, &one.body, &other.body)?;
    Some(For { body, carried, ..one })
}

/// The loop with a counter that goes to `extent`, as often: by rows instead of by their elements.
fn counting_to<'a>(program: &mut Program, inner: &'a For, extent: i64) -> Option<Cow<'a, For>> {
    if inner.extent == extent {
        return Some(Cow::Borrowed(inner));
    }
    let factor = inner.extent.checked_div(extent)?;
    if inner.extent != factor * extent || inner.step % factor != 0 {
        return None;
    }
    let moved = Moved { from: inner.index, to: inner.index, factor, by: 0 };
    let mut body = Vec::new();
    moved.stmts(program, &inner.body, None, &mut body)?;
    let carried = inner.carried.clone();
    Some(Cow::Owned(For { index: inner.index, extent, step: inner.step / factor, carried, body }))
}

/// Whether, where both loops touch a buffer that one of them stores to, no two iterations of `step` touch the same position.
fn iterations_are_apart(program: &Program, (one, other): (&For, &For), step: i64) -> Option<bool> {
    let seen = |inner: &For| {
        let mut found = touches(program, &inner.body, Some(inner.index))?;
        for touch in &mut found {
            let within = touch.coefficient * (step - inner.step);
            touch.span = (touch.span.0 + within.min(0), touch.span.1 + within.max(0));
        }
        Some(found)
    };
    let (some, others) = (seen(one)?, seen(other)?);
    let are_apart = |touch: &Touch| {
        let same = |other: &&Touch| other.buffer == touch.buffer;
        let (here, there) = (some.iter().filter(same), others.iter().filter(same));
        if here.clone().next().is_none() || there.clone().next().is_none() {
            return true;
        }
        let all = || here.clone().chain(there.clone());
        if !all().any(|touch| touch.is_store) {
            return true;
        }
        let alike = all().all(|other| other.around == touch.around && other.coefficient == touch.coefficient);
        let low = all().map(|touch| touch.span.0).min().unwrap_or(0);
        let high = all().map(|touch| touch.span.1).max().unwrap_or(0);
        alike && high - low < touch.coefficient.abs() * step
    };
    Some(some.iter().all(are_apart))
}

fn weight(stmts: &[Stmt]) -> usize {
    let of = |stmt: &Stmt| match stmt {
        Stmt::Let(_, expr) if takes_long(expr) => LONG,
        Stmt::For(inner) => weight(&inner.body),
        Stmt::Let(..)
        | Stmt::Store(..)
        | Stmt::Bind(_)
        | Stmt::If(_)
        | Stmt::Gemm(_)
        | Stmt::Pack(_)
        | Stmt::Call(_) => 1,
    };
    stmts.iter().map(of).sum()
}

/// The loop with another counter and a larger step: its body several times. `None` if there are loops in a body to be repeated.
fn repeated(program: &mut Program, inner: &For, (index, step): (Index, i64)) -> Option<For> {
    let copies = step / inner.step;
    if copies > 1 && inner.body.iter().any(is_loop) {
        return None;
    }
    let mut carried = inner.carried.clone();
    let mut body = Vec::new();
    let mut vars: SecondaryMap<Var, Option<Var>> = SecondaryMap::new();
    for copy in 0..copies {
        let moved = Moved { from: inner.index, to: index, factor: 1, by: copy * inner.step };
        let begin: Vec<Option<Var>> = inner.carried.iter().map(|carried| vars[carried.next]).collect();
        if copy > 0 {
            for (carried, begin) in inner.carried.iter().zip(begin) {
                vars[carried.param] = Some(begin.unwrap_or(carried.next));
            }
        }
        moved.stmts(program, &inner.body, (copy > 0).then_some(&mut vars), &mut body)?;
    }
    for carried in &mut carried {
        carried.next = vars[carried.next].unwrap_or(carried.next);
    }
    Some(For { index, extent: inner.extent, step, carried, body })
}

/// A counter replaced by a multiple of another and a distance.
struct Moved {
    from: Index,
    to: Index,
    factor: i64,
    by: i64,
}

impl Moved {
    fn affine(&self, affine: &Affine) -> Affine {
        let coefficient = affine.coefficient(self.from);
        let without = affine.plus(&Affine::counter(self.from), -coefficient);
        without.plus(&Affine::counter(self.to), coefficient * self.factor).plus_constant(coefficient * self.by)
    }

    fn place(&self, place: &Place) -> Place {
        Place { index: self.affine(&place.index), ..place.clone() }
    }

    /// The statements moved; with `vars`, what they assign gets new variables, which are entered there.
    fn stmts(
        &self,
        program: &mut Program,
        stmts: &[Stmt],
        mut vars: Option<&mut SecondaryMap<Var, Option<Var>>>,
        out: &mut Vec<Stmt>,
    ) -> Option<()> {
        for stmt in stmts {
            let now = |var: Var| vars.as_deref().and_then(|vars| vars[var]).unwrap_or(var);
            match stmt {
                Stmt::Let(var, expr) => {
                    let expr = match expr {
                        Expr::Load(place) => Expr::Load(self.place(place)),
                        Expr::Position { index, lane_stride } => {
                            Expr::Position { index: self.affine(index), lane_stride: *lane_stride }
                        }
                        _ => with_operands(expr, now),
                    };
                    let new = match vars.as_deref_mut() {
                        Some(vars) => *vars[*var].insert(program.var(program.vars[*var])),
                        None => *var,
                    };
                    out.push(Stmt::Let(new, expr));
                }
                Stmt::Store(place, var) => out.push(Stmt::Store(self.place(place), now(*var))),
                Stmt::For(inner) if vars.is_none() => {
                    let mut body = Vec::new();
                    self.stmts(program, &inner.body, None, &mut body)?;
                    out.push(Stmt::For(Box::new(For { body, ..(**inner).clone() })));
                }
                Stmt::For(_) | Stmt::Bind(_) | Stmt::If(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {
                    return None;
                }
            }
        }
        Some(())
    }
}

/// Statements without loops, in which a load of what is at hand gives that variable another name.
fn forward<'a>(program: &Program, stmts: impl Iterator<Item = &'a Stmt>) -> Vec<Stmt> {
    let mut renamed: SecondaryMap<Var, Option<Var>> = SecondaryMap::new();
    let mut known: Vec<(Place, VarType, Var)> = Vec::new();
    let mut out = Vec::new();
    for stmt in stmts {
        let now = |var: Var| renamed[var].unwrap_or(var);
        match stmt {
            Stmt::Let(var, Expr::Load(place)) => {
                let ty = program.vars[*var];
                match known.iter().find(|known| known.0 == *place && known.1 == ty) {
                    Some(known) => renamed[*var] = Some(known.2),
                    None => {
                        known.push((place.clone(), ty, *var));
                        out.push(stmt.clone());
                    }
                }
            }
            Stmt::Let(var, expr) => out.push(Stmt::Let(*var, with_operands(expr, now))),
            Stmt::Store(place, var) => {
                let (var, ty) = (now(*var), program.vars[*var]);
                known.retain(|known| are_apart((&known.0, known.1), (place, ty)));
                if ty.lanes == 1 || place.lane_stride != 0 {
                    known.push((place.clone(), ty, var));
                }
                out.push(Stmt::Store(place.clone(), var));
            }
            Stmt::For(_) | Stmt::Bind(_) | Stmt::If(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {
                out.push(stmt.clone());
            }
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "tests")]
mod tests {
    use pullback_ir::Elements;

    use super::*;
    use crate::interpret::interpret;
    use crate::parse::parse_program;
    use crate::verify::verify;

    /// Rows doubled, then summed from where `%t[4*i2 + i3 + SHIFT]` says; `STEP` at a time.
    fn program(position: &str, step: usize) -> Program {
        let sum: String = match step {
            2 => format!(
                "v10, v11 = for i3 = 0 to 4 step 2 carry (v5 = v4 : f32, v6 = v4 : f32) {{
          v7 = load %t[{position}] : f32
          v8 = add v5, v7 : f32
          v9 = load %t[{position} + 1] : f32
          v12 = add v6, v9 : f32
          yield v8, v12
        }}
        v13 = add v10, v11 : f32
        store %y[i2], v13"
            ),
            _ => format!(
                "v10 = for i3 = 0 to 4 step 1 carry (v5 = v4 : f32) {{
          v7 = load %t[{position}] : f32
          v8 = add v5, v7 : f32
          yield v8
        }}
        store %y[i2], v10"
            ),
        };
        let text = format!(
            "program @f {{
  buffer %x : f32[12] input 0
  buffer %y : f32[3] output 0
  buffer %z : f32[3] output 1
  buffer %t : f32[12] arena 0
  arena 64

  kernel @double \"\" {{
    for i0 = 0 to 3 step 1 {{
      for i1 = 0 to 4 step 1 {{
        v0 = load %x[4*i0 + i1] : f32
        v1 = add v0, v0 : f32
        store %t[4*i0 + i1], v1
      }}
    }}
  }}

  kernel @other \"\" {{
    for i4 = 0 to 3 step 1 {{
      v2 = load %x[i4] : f32
      store %z[i4], v2
    }}
  }}

  kernel @sum \"\" {{
    v4 = const 0.0 : f32
    for i2 = 0 to 3 step 1 {{
        {sum}
    }}
  }}
}}
"
        );
        parse_program(&text).unwrap()
    }

    fn joined(mut program: Program) -> Program {
        let steps = std::mem::take(&mut program.body);
        program.body = join_loops(&mut program, steps);
        program
    }

    fn run(program: Program) -> Vec<Elements> {
        let x = (1..=12).map(|i| 1.0 / i as f32).collect();
        interpret(&verify(program).unwrap(), &[Elements::F32(x)]).unwrap()
    }

    #[test]
    fn a_row_is_summed_where_it_is_stored() {
        for step in [1, 2] {
            let apart = program("4*i2 + i3", step);
            let together = joined(apart.clone());
            assert_eq!(together.kernels().len(), 2, "the sum passes a kernel that it does not depend on");
            let Stmt::For(rows) = &together.kernels()[0].body[1] else { panic!("a loop over rows") };
            let columns: Vec<&Stmt> = rows.body.iter().filter(|stmt| is_loop(stmt)).collect();
            let [Stmt::For(columns)] = &columns[..] else { panic!("one loop over columns") };
            let loads = columns.body.iter().filter(|stmt| matches!(stmt, Stmt::Let(_, Expr::Load(_))));
            assert_eq!((columns.step, loads.count()), (step as i64, step), "of the arguments alone");
            assert_eq!(run(apart), run(together));
        }
    }

    #[test]
    fn a_total_that_counts_elements_joins_a_loop_that_counts_rows() {
        let text = program("i2 + i3", 1).to_string();
        let (before, _) = text.split_once("    for i3").unwrap();
        let total = "    v10 = for i3 = 0 to 12 step 4 carry (v7 = v3 : f32) {
      v8 = for i4 = 0 to 4 step 1 carry (v4 = v3 : f32) {
        v5 = load %t[i3 + i4] : f32
        v6 = add v4, v5 : f32
        yield v6
      }
      v9 = add v7, v8 : f32
      yield v9
    }
    store %y[0], v10
  }
}
";
        let text = format!("{before}{total}").replace("%y : f32[3]", "%y : f32[1]");
        let apart = parse_program(&text).unwrap_or_else(|error| panic!("{text}{error:?}"));
        let mut together = joined(apart.clone());
        crate::remove_dead::remove_dead_stores(&mut together);
        let text = together.to_string();
        assert_eq!((together.kernels().len(), text.matches("load %t").count()), (2, 0), "{text}");
        assert_eq!(text.matches("store %t").count(), 0, "nobody reads it any more");
        assert_eq!(run(apart), run(together));
    }

    #[test]
    fn what_another_iteration_stores_keeps_loops_apart() {
        // Columns in reverse order of rows; a row read backwards.
        for position in ["-4*i2 + i3 + 8", "4*i2 - i3 + 3"] {
            let apart = program(position, 1);
            let together = joined(apart.clone());
            assert_eq!(together.kernels().len(), 3, "{position}");
            assert_eq!(run(apart), run(together));
        }
    }
}
