//! A step of a program, or a part of a step, as a program, so that it can be measured alone.
//!
//! What it loads and others store becomes an argument, what it stores and others load a result; what it alone touches stays in its memory. So
//! it does exactly what it does in the whole program, on data of the caller's choice. Where it replaces what others have stored element by element, what it loads is an argument
//! and what it stores a result of its own: run twice, it does the same. Where a condition may leave a result as others have stored it before,
//! the result counts as donated.
//!
//! A part stays in the loops around it. What it takes from the worker's memory, where others of the same iteration have left it, is one small argument for all iterations, which is in
//! the cache as it would be there; what it leaves in the worker's memory it leaves there.

use std::collections::BTreeSet;
use std::ops::Range;

use cranelift_entity::SecondaryMap;

use crate::error::Error;
use crate::memory::plan_memory;
use crate::prefix::parts;
use crate::program::{Buffer, BufferData, Expr, Place, Program, Space, Stmt};
use crate::step::{Step, for_each_kernel_mut, kernels};
use crate::traffic::Counts;

/// The program of each top-level step, in order; `None` for one that cannot stand alone: its end depends on data, it changes in place what others
/// have stored other than element by element, or it packs a matrix for others, whose elements are in an order of the kernel's own.
///
/// # Errors
/// [`Error::Limit`] as [`plan_memory`].
pub fn isolate(program: &Program) -> Result<Vec<Option<Program>>, Error> {
    isolate_among(program, &program.body.iter().collect::<Vec<_>>(), 0..program.body.len())
}

/// The same for each of the [`parts`] of the top-level step with a number.
///
/// # Errors
/// As [`isolate`].
pub fn isolate_parts(program: &Program, step: usize) -> Result<Vec<Option<Program>>, Error> {
    let Some(whole) = program.body.get(step) else { return Ok(Vec::new()) };
    let parts = parts(whole);
    let (before, behind) = (&program.body[..step], &program.body[step + 1..]);
    let among: Vec<&Step> = before.iter().chain(&parts).chain(behind).collect();
    isolate_among(program, &among, step..step + parts.len())
}

/// The programs of some of the steps of a program.
fn isolate_among(program: &Program, steps: &[&Step], wanted: Range<usize>) -> Result<Vec<Option<Program>>, Error> {
    let touched: Vec<Touched> = steps.iter().map(|step| Touched::by(program, step)).collect();
    let mut users: SecondaryMap<Buffer, Vec<usize>> = SecondaryMap::new();
    for (number, touched) in touched.iter().enumerate() {
        touched.loaded.union(&touched.stored).for_each(|&buffer| users[buffer].push(number));
    }
    wanted.map(|number| alone(program, number, steps[number], &touched[number], &users)).collect()
}

/// The buffers that a step loads from and stores to.
struct Touched {
    loaded: BTreeSet<Buffer>,
    stored: BTreeSet<Buffer>,
    packed: BTreeSet<Buffer>,
}

impl Touched {
    fn by(program: &Program, step: &Step) -> Self {
        let counts = Counts::of(program, step);
        let (loaded, stored) = (counts.loads.into_keys().collect(), counts.stores.into_keys().collect());
        Self { loaded, stored, packed: counts.packed }
    }
}

fn alone(
    program: &Program,
    number: usize,
    step: &Step,
    touched: &Touched,
    users: &SecondaryMap<Buffer, Vec<usize>>,
) -> Result<Option<Program>, Error> {
    if step.ends_by_data() {
        return Ok(None);
    }
    let mut own = Program { body: vec![step.clone()], ..program.clone() };
    own.donated.clear();
    let (mut inputs, mut outputs) = (0, 0);
    let (mut replaced, mut kept, is_conditional) = (Vec::new(), Vec::new(), is_conditional(step));
    for (buffer, data) in own.buffers.iter_mut() {
        let (loaded, stored) = (touched.loaded.contains(&buffer), touched.stored.contains(&buffer));
        let is_own = matches!(data.space, Space::Arena(_) | Space::Local(_)) && users[buffer] == [number];
        let passes = !is_own && !matches!(data.space, Space::Constant(_));
        if passes && touched.packed.contains(&buffer) {
            return Ok(None);
        }
        match (loaded, stored) {
            (false, false) => (data.space, data.elements) = (Space::Arena(0), 0),
            (true, false) if passes => {
                data.space = Space::Input(inputs);
                inputs += 1;
            }
            (true, true) if passes && (users[buffer].first() != Some(&number) || program.donated.contains(buffer)) => {
                if !replaces(step, buffer) {
                    return Ok(None);
                }
                replaced.push(buffer);
                if !matches!(data.space, Space::Local(_)) {
                    data.space = Space::Output(outputs);
                    outputs += 1;
                    kept.extend(is_conditional.then_some(buffer));
                }
            }
            (_, true) if passes && !matches!(data.space, Space::Local(_)) => {
                data.space = Space::Output(outputs);
                outputs += 1;
                kept.extend((is_conditional && users[buffer].first() != Some(&number)).then_some(buffer));
            }
            (true, false) | (_, true) => {}
        }
    }
    for (position, buffer) in (inputs..).zip(replaced) {
        let data = own.buffers[buffer].clone();
        let name = format!("{}_before", data.name).into();
        let before = own.buffers.push(BufferData { name, space: Space::Input(position), ..data });
        for_each_kernel_mut(&mut own.body, &mut |kernel| load_from(&mut kernel.body, buffer, before));
    }
    own.donated.extend(kept);
    plan_memory(&mut own)?;
    Ok(Some(own))
}

/// Whether a step may leave out some of what is in it.
fn is_conditional(step: &Step) -> bool {
    fn in_statements(body: &[Stmt]) -> bool {
        body.iter().any(|stmt| match stmt {
            Stmt::If(_) => true,
            Stmt::For(nested) => in_statements(&nested.body),
            Stmt::Let(..) | Stmt::Store(..) | Stmt::Bind(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => false,
        })
    }
    match step {
        Step::Branch(_) | Step::While(_) => true,
        Step::Kernel(kernel) => in_statements(&kernel.body),
        Step::Loop(inner) => inner.body.iter().any(is_conditional),
    }
}

/// Whether a step loads each element of a buffer once, in front of the store of that very element.
fn replaces(step: &Step, buffer: Buffer) -> bool {
    let kernels = kernels(std::slice::from_ref(step));
    kernels.iter().all(|kernel| replaces_in(&kernel.body, buffer))
}

fn replaces_in(body: &[Stmt], buffer: Buffer) -> bool {
    let stored = |statements: &[Stmt], place: &Place| {
        statements.iter().any(|stmt| matches!(stmt, Stmt::Store(at, _) if at == place))
    };
    body.iter().enumerate().all(|(number, stmt)| match stmt {
        Stmt::Let(_, Expr::Load(place)) if place.buffer == buffer => {
            !stored(&body[..number], place) && stored(&body[number..], place)
        }
        Stmt::Let(..) | Stmt::Store(..) | Stmt::Bind(_) => true,
        Stmt::For(nested) => replaces_in(&nested.body, buffer),
        Stmt::If(inner) => replaces_in(&inner.body, buffer),
        Stmt::Gemm(gemm) => ![gemm.lhs.buffer, gemm.rhs.buffer(), gemm.out.buffer].contains(&buffer),
        Stmt::Pack(pack) => pack.from.buffer != buffer,
        Stmt::Call(call) => call.views.iter().all(|view| view.buffer != buffer),
    })
}

/// Makes loads of a buffer those of another.
fn load_from(body: &mut [Stmt], from: Buffer, to: Buffer) {
    for stmt in body {
        match stmt {
            Stmt::Let(_, Expr::Load(place)) if place.buffer == from => place.buffer = to,
            Stmt::For(nested) => load_from(&mut nested.body, from, to),
            Stmt::If(inner) => load_from(&mut inner.body, from, to),
            Stmt::Let(..) | Stmt::Store(..) | Stmt::Bind(_) | Stmt::Gemm(_) | Stmt::Pack(_) | Stmt::Call(_) => {}
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

    /// Doubles, adds 1 in place of the doubled, and squares.
    const PROGRAM: &str = "program @f {
  buffer %x : f32[4] input 0
  buffer %y : f32[4] output 0
  buffer %t : f32[4] arena 0
  buffer %u : f32[4] arena 64
  arena 128

  kernel @double \"\" {
    for i0 = 0 to 4 step 4 {
      v0 = load %x[i0] : f32x4
      v1 = add v0, v0 : f32x4
      store %t[i0], v1
    }
  }

  kernel @next \"\" {
    for i1 = 0 to 4 step 4 {
      v2 = load %t[i1] : f32x4
      v3 = const 1.0 : f32x4
      v4 = add v2, v3 : f32x4
      store %t[i1], v4
    }
  }

  kernel @square \"\" {
    for i2 = 0 to 4 step 4 {
      v5 = load %t[i2] : f32x4
      store %u[i2], v5
      v6 = load %u[i2] : f32x4
      v7 = mul v6, v6 : f32x4
      store %y[i2], v7
    }
  }
}
";

    #[test]
    fn a_step_alone_takes_what_others_store_and_gives_what_others_load() {
        let program = parse_program(PROGRAM).unwrap();
        verify(program.clone()).unwrap();
        let steps = isolate(&program).unwrap();
        let kept = PROGRAM.replace("store %t[i1], v4", "store %t[0], v4");
        assert!(isolate(&parse_program(&kept).unwrap()).unwrap()[1].is_none(), "it is not element by element");
        let run = |step: usize, x: [f32; 4]| {
            let program = verify(steps[step].clone().unwrap()).unwrap();
            interpret(&program, &[Elements::F32(x.to_vec())]).unwrap()
        };
        assert_eq!(run(0, [1.0, 2.0, 3.0, 4.0]), [Elements::F32(vec![2.0, 4.0, 6.0, 8.0])]);
        // In place of what it loads, which is apart here.
        assert_eq!(run(1, [1.0, 2.0, 3.0, 4.0]), [Elements::F32(vec![2.0, 3.0, 4.0, 5.0])]);
        assert_eq!(run(2, [1.0, 2.0, 3.0, 4.0]), [Elements::F32(vec![1.0, 4.0, 9.0, 16.0])]);
        assert_eq!(steps[2].as_ref().unwrap().arena_bytes, 64, "%u is its own");
    }

    #[test]
    fn a_part_of_an_iteration_takes_what_others_leave_with_the_worker() {
        let text = "program @f {
  buffer %x : f32[8] input 0
  buffer %y : f32[8] output 0
  buffer %t : f32[4] local 0
  arena 0
  local 64

  parallel loop i0 = 0 to 2 {
    kernel @double \"\" {
      for i1 = 0 to 4 step 4 {
        v0 = load %x[4*i0 + i1] : f32x4
        v1 = add v0, v0 : f32x4
        store %t[i1], v1
      }
    }

    kernel @next \"\" {
      for i2 = 0 to 4 step 4 {
        v2 = load %t[i2] : f32x4
        v3 = const 1.0 : f32x4
        v4 = add v2, v3 : f32x4
        store %t[i2], v4
      }
    }

    kernel @square \"\" {
      for i3 = 0 to 4 step 4 {
        v5 = load %t[i3] : f32x4
        v6 = mul v5, v5 : f32x4
        store %y[4*i0 + i3], v6
      }
    }
  }
}
";
        let program = parse_program(text).unwrap();
        verify(program.clone()).unwrap();
        let parts = isolate_parts(&program, 0).unwrap();
        let run = |part: usize, x: &[f32]| {
            let program = verify(parts[part].clone().unwrap()).unwrap();
            interpret(&program, &[Elements::F32(x.to_vec())]).unwrap()
        };
        // It has the whole argument and leaves nothing that anybody else could see.
        assert!(run(0, &[1.0; 8]).is_empty());
        assert!(run(1, &[1.0, 2.0, 3.0, 4.0]).is_empty());
        // Both iterations have the same from the worker.
        let squares = [1.0, 4.0, 9.0, 16.0].repeat(2);
        assert_eq!(run(2, &[1.0, 2.0, 3.0, 4.0]), [Elements::F32(squares)]);
        assert!(isolate_parts(&program, 1).unwrap().is_empty());
    }

    #[test]
    fn what_is_packed_for_others_is_no_argument() {
        let text = "program @f {
  buffer %x : f32[6] input 0
  buffer %w : f32[12] input 1
  buffer %y : f32[8] output 0
  buffer %p : f32[192] arena 0
  arena 768

  kernel @pack \"\" {
    pack f32 3x4 %p[0] = %w[0; 4, 1]
  }

  kernel @multiply \"\" {
    gemm f32 2x4x3 %y[0; 4, 1] = %x[0; 3, 1] * packed %p[0]
  }
}
";
        let program = parse_program(text).unwrap();
        verify(program.clone()).unwrap();
        assert!(isolate(&program).unwrap().iter().all(Option::is_none));
    }
}
