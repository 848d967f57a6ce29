//! The parts of a program, and what is in front of each.
//!
//! A part that cannot run [alone](mod@crate::isolate), since it needs what others leave in an order of their own or changes it in place, has a time all the same: the
//! difference between the program up to this part and up to the one before it.
//!
//! What is in front of a part does not need it within an iteration, since nothing is read that is not stored before. What one iteration leaves for the next is missing where it is
//! a later part that stores it: the results of a prefix need not mean anything. Therefore nothing is cut where data decide what runs.

use std::ops::Range;

use cranelift_entity::EntitySet;

use crate::error::Error;
use crate::memory::plan_memory_sharing;
use crate::program::{Buffer, Program, Space};
use crate::step::Step;
use crate::traffic::Counts;

/// What a step is cut into, in order of the text, each part in the loops around it: its kernels, but for branches, and loops with one inside that ends by a condition; those are
/// parts as they are.
#[must_use]
pub fn parts(step: &Step) -> Vec<Step> {
    let alone = |number| {
        let mut body = vec![step.clone()];
        cut(&mut body, &(number..number + 1), &mut 0);
        body.pop()
    };
    (0..count(step)).filter_map(alone).collect()
}

fn count(step: &Step) -> usize {
    match step {
        Step::Loop(inner) if !step.ends_by_data() => inner.body.iter().map(count).sum(),
        Step::Kernel(_) | Step::Loop(_) | Step::While(_) | Step::Branch(_) => 1,
    }
}

/// The program with the first of its [`parts`] alone, that many. It takes the same inputs and has those of the outputs that it stores to, in the same order.
///
/// # Errors
/// [`Error::Limit`] as [`plan_memory`](crate::memory::plan_memory).
pub fn prefix(program: &Program, count: usize) -> Result<Program, Error> {
    let mut own = program.clone();
    cut(&mut own.body, &(0..count), &mut 0);
    let (mut touched, mut stored) = (EntitySet::<Buffer>::new(), EntitySet::<Buffer>::new());
    for step in &own.body {
        let counts = Counts::of(program, step);
        touched.extend(counts.loads.into_keys());
        stored.extend(counts.stores.into_keys());
    }
    let mut outputs = Vec::new();
    for (buffer, data) in own.buffers.iter_mut() {
        match data.space {
            Space::Input(_) => {}
            Space::Output(position) if stored.contains(buffer) || program.donated.contains(buffer) => {
                outputs.push((position, buffer));
            }
            Space::Constant(_) | Space::Arena(_) | Space::Local(_)
                if touched.contains(buffer) || stored.contains(buffer) => {}
            Space::Output(_) | Space::Constant(_) | Space::Arena(_) | Space::Local(_) => {
                (data.space, data.elements) = (Space::Arena(0), 0);
            }
        }
    }
    outputs.sort_unstable();
    for (position, (_, buffer)) in outputs.into_iter().enumerate() {
        own.buffers[buffer].space = Space::Output(position);
    }
    // What is no worker's own in the whole program is none here either, though the parts that would need it elsewhere are missing.
    plan_memory_sharing(&mut own, |buffer| matches!(program.buffers[buffer].space, Space::Arena(_)))?;
    Ok(own)
}

/// Keeps the parts with these numbers, the first of `steps` being number `next`.
fn cut(steps: &mut Vec<Step>, kept: &Range<usize>, next: &mut usize) {
    steps.retain_mut(|step| {
        let ends_by_data = step.ends_by_data();
        match step {
            Step::Loop(inner) if !ends_by_data => {
                cut(&mut inner.body, kept, next);
                !inner.body.is_empty()
            }
            Step::Kernel(_) | Step::Loop(_) | Step::While(_) | Step::Branch(_) => {
                *next += 1;
                kept.contains(&(*next - 1))
            }
        }
    });
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use pullback_ir::Elements;

    use super::*;
    use crate::interpret::interpret;
    use crate::parse::parse_program;
    use crate::traffic::Traffic;
    use crate::verify::verify;

    /// Tiles of four elements: doubled in the worker's memory, squared into the arena, and added up one after another; the sum is squared.
    const PROGRAM: &str = "program @f {
  buffer %x : f32[8] input 0
  buffer %s : f32[1] output 1
  buffer %z : f32[8] output 0
  buffer %t : f32[4] local 0
  buffer %u : f32[8] arena 0
  arena 64
  local 64

  parallel loop i0 = 0 to 2 {
    kernel @double \"\" {
      for i1 = 0 to 4 step 4 {
        v0 = load %x[4*i0 + i1] : f32x4
        v1 = add v0, v0 : f32x4
        store %t[i1], v1
      }
    }

    kernel @square \"\" {
      for i2 = 0 to 4 step 4 {
        v2 = load %t[i2] : f32x4
        v3 = mul v2, v2 : f32x4
        store %u[4*i0 + i2], v3
      }
    }

    kernel @copy \"\" {
      for i3 = 0 to 4 step 4 {
        v4 = load %u[4*i0 + i3] : f32x4
        store %z[4*i0 + i3], v4
      }
    }
  }

  kernel @sum \"\" {
    v5 = const 0.0 : f32
    v9 = for i4 = 0 to 8 step 1 carry (v6 = v5 : f32) {
      v7 = load %u[i4] : f32
      v8 = add v6, v7 : f32
      yield v8
    }
    store %s[0], v9
  }
}
";

    #[test]
    fn a_prefix_does_what_its_parts_do_in_the_whole() {
        let program = parse_program(PROGRAM).unwrap();
        verify(program.clone()).unwrap();
        assert_eq!(program.body.iter().flat_map(parts).count(), 4);
        let run = |count: usize| {
            let program = verify(prefix(&program, count).unwrap()).unwrap();
            interpret(&program, &[Elements::F32((1..9u8).map(f32::from).collect())]).unwrap()
        };
        let squares = Elements::F32((1..9u8).map(|x| 4.0 * f32::from(x * x)).collect());
        assert!(run(0).is_empty() && run(1).is_empty() && run(2).is_empty());
        assert_eq!(run(3), std::slice::from_ref(&squares));
        assert_eq!(run(4), [squares, Elements::F32(vec![4.0 * 204.0])]);
    }

    #[test]
    fn what_is_shared_stays_so_though_its_users_are_missing() {
        let program = parse_program(PROGRAM).unwrap();
        let traffic: Vec<Traffic> = (0..=4).map(|count| Traffic::of(&prefix(&program, count).unwrap())).collect();
        assert_eq!(traffic[0], Traffic::default());
        assert_eq!(traffic[1], Traffic { read: 32, written: 0, flops: 8 }, "what workers have is nobody's traffic");
        // The last part that is left in the loop stores what those that are missing load.
        assert_eq!(traffic[2], Traffic { read: 32, written: 32, flops: 16 });
        assert_eq!(traffic[4], Traffic::of(&program));
    }

    #[test]
    fn a_loop_that_ends_by_data_is_one_part() {
        let text = "program @f {
  buffer %x : bool[1] input 0
  buffer %c : bool[1] arena 0
  buffer %n : i32[1] output 0
  arena 64

  kernel @first \"\" {
    v0 = const 0 : i32
    store %n[0], v0
  }

  loop i0 = 0 to 2 {
    while bound 3 {
      condition %c[0] {
        kernel @before \"\" {
          v1 = load %x[0] : bool
          store %c[0], v1
        }
      }
      body {
      kernel @body \"\" {
        v2 = load %n[0] : i32
        v3 = const 1 : i32
        v4 = add v2, v3 : i32
        store %n[0], v4
      }
      }
    }
  }
}
";
        let program = parse_program(text).unwrap();
        verify(program.clone()).unwrap();
        assert_eq!(program.body.iter().flat_map(parts).count(), 2);
        let run = |count: usize| {
            let program = verify(prefix(&program, count).unwrap()).unwrap();
            interpret(&program, &[Elements::Bool(vec![true])]).unwrap()
        };
        assert_eq!((run(1), run(2)), (vec![Elements::I32(vec![0])], vec![Elements::I32(vec![6])]));
    }
}
