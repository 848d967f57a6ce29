//! Loops over the same positions as one loop.
//!
//! Regions become kernels one after the other, each with loops of its own: a row is stored, then loaded again to be summed. Where the second loop needs of the
//! first only what that has stored at positions it has passed, both are one loop. A value that is needed at the very position at which it is stored is passed on in a
//! variable: a load less, and the counting of a loop. A core that executes six instructions at a time is otherwise kept busy with them. A store that nobody loads from any more goes away.
//!
//! Two lists of statements are joined at the last loop of the first and the first loop of the second, `a F b` and `c G d` to `a c FG b d`, if
//!
//! * what is moved past each other is independent: `c` of `F` and `b`, `G` of `b`;
//! * the loops have the same extent, one counting rows perhaps and the other their elements, or have it once one or two of their last iterations are written out behind them; loops of one iteration are no loops here;
//! * iterations can take turns: what an iteration of `G` touches, no later iteration of `F` does, unless both only load it (`can_take_turns`);
//! * their bodies can be joined in turn, or are free of loops. A loop without loops inside is written out as often as the steps of the other ask.
//!
//! [`join_loops`] does so for the kernels of a tile, whose values are near, and [`join_kernels`] for others, of which one has to pass something on to the other.
//!
//! Values are computed by the same operations in the same order as before, so results are the same to the last bit. A kernel may be
//! moved before others that it is independent of.

mod rewrite;
mod touch;

use crate::error::Error;
use crate::memory::plan_memory;
use crate::program::{Carried, Expr, For, Kernel, Program, Stmt, Var};
use crate::promote::takes_long;
use crate::remove_dead::{remove_dead_stores, remove_unused_buffers};
use crate::step::Step;

use rewrite::{counting_to, forward, peeled, repeated, without_single_iterations, written_out};
use touch::{are_independent, can_take_turns, passes_on, touches};

/// The most statements of a joined loop, functions counting for [`LONG`]: larger bodies run out of registers.
const MAX_STATEMENTS: usize = 256;

/// How many statements a function counts for.
const LONG: usize = 32;

/// How many kernels before it one outside of tiles may be joined with: the search stays linear in the size of the program.
const MAX_BACK: usize = 8;

/// Which kernels are joined.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    /// Whichever can be.
    All,
    /// Those of which one passes something on to the other.
    Passing,
}

/// Joins kernels among steps that follow each other in a tile.
pub fn join_loops(program: &mut Program, steps: Vec<Step>) -> Vec<Step> {
    let mut joined: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps {
        match step {
            Step::Kernel(kernel) if join_with_earlier(program, &mut joined, &kernel, Which::All) => {}
            step => joined.push(step),
        }
    }
    joined
}

/// Joins kernels one of which passes something on to the other, wherever they follow each other, and removes stores that nobody reads then.
///
/// # Errors
/// [`Error::Limit`] as [`plan_memory`].
pub fn join_kernels(program: &mut Program) -> Result<(), Error> {
    let mut changed = false;
    let steps = std::mem::take(&mut program.body);
    program.body = join_steps(program, steps, &mut changed);
    if changed {
        remove_dead_stores(program);
        remove_unused_buffers(program);
        plan_memory(program)?;
    }
    Ok(())
}

fn join_steps(program: &mut Program, steps: Vec<Step>, changed: &mut bool) -> Vec<Step> {
    let mut joined: Vec<Step> = Vec::with_capacity(steps.len());
    for mut step in steps {
        let mut inside = |steps: &mut Vec<Step>| *steps = join_steps(program, std::mem::take(steps), changed);
        match &mut step {
            Step::Kernel(_) => {}
            // Where iterations run at once, those of a tile, kernels have been joined.
            Step::Loop(inner) if inner.parallel => {}
            Step::Loop(inner) => inside(&mut inner.body),
            Step::While(inner) => {
                inside(&mut inner.before);
                inside(&mut inner.body);
            }
            Step::Branch(inner) => inner.cases.iter_mut().for_each(inside),
        }
        match step {
            Step::Kernel(kernel) if join_with_earlier(program, &mut joined, &kernel, Which::Passing) => *changed = true,
            step => joined.push(step),
        }
    }
    joined
}

/// Joins a kernel with the last one that it can be joined with and can be moved to; says whether there is one.
fn join_with_earlier(program: &mut Program, earlier: &mut [Step], kernel: &Kernel, which: Which) -> bool {
    let Some(touched) = touches(program, &kernel.body, None) else { return false };
    let back = if which == Which::All { usize::MAX } else { MAX_BACK };
    for step in earlier.iter_mut().rev().take(back) {
        let Step::Kernel(other) = step else { return false };
        let Some(others) = touches(program, &other.body, None) else { return false };
        if (which == Which::All || passes_on(&others, &touched))
            && let Some(body) = join(program, &other.body, &kernel.body)
        {
            other.body = body;
            other.about = format!("{}; {}", other.about, kernel.about);
            return true;
        }
        if !are_independent(&others, &touched) {
            return false;
        }
    }
    false
}

/// The two lists as one, with their loops joined; or one behind the other if neither has a loop, or only a short one over what the other passes on to it.
fn join(program: &mut Program, first: &[Stmt], second: &[Stmt]) -> Option<Vec<Stmt>> {
    let [mut first, mut second] = [first, second].map(|stmts| without_single_iterations(program, stmts));
    let at = first.iter().rposition(is_loop);
    let (Some(at), Some(by)) = (at, second.iter().position(is_loop)) else {
        // A row may be written out in one of them and a loop in the other.
        if first.iter().chain(&second).any(is_loop) {
            if !passes_on(&touches(program, &first, None)?, &touches(program, &second, None)?) {
                return None;
            }
            [first, second] = [written_out(program, &first)?, written_out(program, &second)?];
            let fits = weight(&first) + weight(&second) <= MAX_STATEMENTS;
            if !fits || first.iter().chain(&second).any(is_loop) {
                return None;
            }
        }
        return Some(forward(program, first.iter().chain(&second)));
    };
    let (Stmt::For(one), Stmt::For(other)) = (&first[at], &second[by]) else { return None };
    let extents = (one.extent, other.extent);
    let (one, other) = (&counting_to(program, one, extents.1)?, &counting_to(program, other, extents.0)?);
    let step = one.step.max(other.step);
    let extent = one.extent.min(other.extent) / step * step;
    if step % one.step != 0 || step % other.step != 0 {
        return None;
    }
    let outside = (&first[..at], &first[at + 1..], &second[..by], &second[by + 1..]);
    // A row may end in a vector that begins within the last iteration: then that is written out too.
    let shorter = (at + 1 < first.len()).then_some(extent - step);
    let mut extents = std::iter::once(extent).chain(shorter).filter(|&extent| extent > 0);
    extents.find_map(|extent| join_up_to(program, outside, (one, other), (extent, step)))
}

/// `a F b` and `c G d` as `a c FG b d`, with loops up to `extent` by `step` at a time and what they leave behind them.
fn join_up_to(
    program: &mut Program,
    (before_one, behind_one, before_other, behind_other): (&[Stmt], &[Stmt], &[Stmt], &[Stmt]),
    (one, other): (&For, &For),
    (extent, step): (i64, i64),
) -> Option<Vec<Stmt>> {
    let ((one, one_rest), (other, other_rest)) = (peeled(program, one, extent)?, peeled(program, other, extent)?);
    let behind_one = [&one_rest[..], behind_one].concat();
    let behind_other = [&other_rest[..], behind_other].concat();
    let whole = |inner: &For| [Stmt::For(Box::new(inner.clone()))];
    let [before, inside, behind, mut passed] =
        [before_other, &whole(&other), &behind_one, &whole(&one)].map(|part| touches(program, part, None));
    passed.as_mut()?.extend(touches(program, &behind_one, None)?);
    if !are_independent(&passed?, &before?) || !are_independent(&behind?, &inside?) {
        return None;
    }
    let both = join_two(program, &one, &other, step)?;
    let (lead, rest) = (before_one.iter().chain(before_other), behind_one.iter().chain(&behind_other));
    // What gets another name is not to be looked for in loops behind.
    let rest = if rest.clone().any(is_loop) { rest.cloned().collect() } else { forward(program, rest) };
    Some(lead.cloned().chain([Stmt::For(Box::new(both))]).chain(rest).collect())
}

const fn is_loop(stmt: &Stmt) -> bool {
    matches!(stmt, Stmt::For(_))
}

/// Two loops of one extent, which a multiple of their steps divides.
fn join_two(program: &mut Program, one: &For, other: &For, step: i64) -> Option<For> {
    let seen = |inner: &For| {
        let mut found = touches(program, &inner.body, Some(inner.index))?;
        found.iter_mut().for_each(|touch| touch.extend(step - inner.step));
        Some(found)
    };
    if !can_take_turns(&seen(one)?, &seen(other)?, step) {
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
    fn what_is_stored_without_a_loop_is_summed_without_one() {
        // Three rows of a vector each, and one row of three vectors.
        let vectors = |rows: usize| {
            let store = |i: &str, at: usize| {
                format!(
                    "v{0} = load %x[{i}{at}] : f32x4\n v{1} = add v{0}, v{0} : f32x4\n store %t[{i}{at}], v{1}\n",
                    20 + at,
                    21 + at
                )
            };
            let (stores, row) = match rows {
                1 => ([0, 4, 8].map(|at| store("", at)).concat(), ""),
                _ => (store("4*i0 + ", 0), "4*i2 + "),
            };
            let width = 12 / rows;
            let text = format!(
                "program @f {{
  buffer %x : f32[12] input 0
  buffer %y : f32[{rows}] output 0
  buffer %t : f32[12] arena 0
  arena 64

  kernel @double \"\" {{
    for i0 = 0 to {rows} step 1 {{
      {stores}
    }}
  }}

  kernel @sum \"\" {{
    v4 = const 0.0 : f32x4
    for i2 = 0 to {rows} step 1 {{
      v8 = for i3 = 0 to {width} step 4 carry (v5 = v4 : f32x4) {{
        v6 = load %t[{row}i3] : f32x4
        v7 = add v5, v6 : f32x4
        yield v7
      }}
      v9 = reduce_lanes add v8 : f32
      store %y[i2], v9
    }}
  }}
}}
"
            );
            // Variables and counters are numbered from 0 on.
            parse_program(&text).unwrap_or_else(|error| panic!("{text}{error:?}"))
        };
        for rows in [1, 3] {
            let apart = vectors(rows);
            let mut together = joined(apart.clone());
            remove_dead_stores(&mut together);
            let text = together.to_string();
            assert_eq!((together.kernels().len(), text.matches("load %t").count()), (1, 0), "{text}");
            assert_eq!((text.matches("for i").count(), text.matches("store %t").count()), (rows / 3, 0), "{text}");
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
        remove_dead_stores(&mut together);
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

    /// `%t[i]` is twice `%c[i + FROM]`, for ten positions by two at a time; then `%c[i]` is what `%t` holds from `AT` on, for `COUNT` positions.
    fn turns(from: usize, at: usize, count: usize) -> Program {
        let rest = match count % 4 {
            0 => String::new(),
            _ => format!(
                "
    for i2 = 0 to 2 step 2 {{
      v4 = load %t[i2 + {}] : f64x2
      store %c[i2 + {}], v4
    }}",
                count / 4 * 4 + at,
                count / 4 * 4,
            ),
        };
        let text = format!(
            "program @f {{
  buffer %c : f64[16] output 0 donated
  buffer %t : f64[12] arena 0
  arena 128

  kernel @double \"\" {{
    v5 = const 0.0 : f64x2
    store %t[10], v5
    for i0 = 0 to 10 step 2 {{
      v0 = load %c[i0 + {from}] : f64x2
      v1 = add v0, v0 : f64x2
      store %t[i0], v1
    }}
  }}

  kernel @back \"\" {{
    for i1 = 0 to {} step 4 {{
      v2 = load %t[i1 + {at}] : f64x2
      store %c[i1], v2
      v3 = load %t[i1 + {}] : f64x2
      store %c[i1 + 2], v3
    }}{rest}
  }}
}}
",
            count / 4 * 4,
            at + 2,
        );
        parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    fn after(program: Program) -> Vec<Elements> {
        let c = (1..=16).map(|i| 1.0 / f64::from(i)).collect();
        interpret(&verify(program).unwrap(), &[Elements::F64(c)]).unwrap()
    }

    fn with_kernels_joined(mut program: Program) -> Program {
        join_kernels(&mut program).unwrap();
        program
    }

    #[test]
    fn what_is_read_ahead_may_be_overwritten_in_the_same_loop_and_needs_no_detour() {
        // As long as the first loop, shorter, and of two more elements than a multiple of its step.
        for (from, count) in [(0, 8), (1, 8), (3, 10)] {
            let apart = turns(from, 0, count);
            let together = with_kernels_joined(apart.clone());
            assert_eq!(together.kernels().len(), 1, "{from}, {count}");
            let loads = format!("{together}").matches("load %t").count();
            assert_eq!(loads, 0, "{together}");
            assert_eq!(after(apart), after(together), "{from}, {count}");
        }
    }

    #[test]
    fn a_last_vector_that_begins_within_the_last_iteration_does_not_keep_kernels_apart() {
        // Seven elements: three vectors, and one that ends where the row does.
        let row = |kernel: &str, first: usize, load: &str, store: &str| {
            let [a, b, c, d] = [0, 1, 2, 3].map(|number| first + number);
            format!(
                "  kernel @{kernel} \"\" {{
    for i{first} = 0 to 6 step 2 {{
      v{a} = load {load}[i{first}] : f64x2
      v{b} = add v{a}, v{a} : f64x2
      store {store}[i{first}], v{b}
    }}
    v{c} = load {load}[5] : f64x2
    v{d} = add v{c}, v{c} : f64x2
    store {store}[5], v{d}
  }}
"
            )
        };
        let buffers = "  buffer %x : f64[16] output 0 donated\n  buffer %t : f64[7] arena 0\n  arena 64\n";
        let kernels = [row("one", 0, "%x", "%t"), row("other", 4, "%t", "%x")].concat().replace("i4", "i1");
        let apart = parse_program(&format!("program @f {{\n{buffers}\n{kernels}}}\n")).unwrap();
        let together = with_kernels_joined(apart.clone());
        assert_eq!(together.kernels().len(), 1, "{together}");
        assert_eq!(after(apart), after(together));
    }

    #[test]
    fn what_a_later_iteration_stores_or_needs_keeps_kernels_apart() {
        // `%t` is read two positions ahead of where it is stored, and one.
        for (from, at) in [(0, 2), (0, 1)] {
            let apart = turns(from, at, 8);
            assert_eq!(with_kernels_joined(apart).kernels().len(), 2, "{from}, {at}");
        }
        // It was stored by now, but half of a vector by one store and half by another.
        let text = turns(0, 0, 8).to_string().replace("%t[10]", "%t[0]").replace("store %t[i0]", "store %t[i0 + 1]");
        assert_eq!(with_kernels_joined(parse_program(&text).unwrap()).kernels().len(), 2, "{text}");
        // What the first loop reads last the second would have overwritten.
        let text = turns(0, 0, 8).to_string().replace("load %c[i0]", "load %c[-1*i0 + 14]");
        let apart = parse_program(&text).unwrap();
        let together = with_kernels_joined(apart.clone());
        assert_eq!(together.kernels().len(), 2);
        assert_eq!(after(apart), after(together));
    }
}
