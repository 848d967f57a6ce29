//! Loops and branches against plain Rust loops and branches, and what their regions capture.

use pullback_graph::optim::{Adam, AdamState};
use pullback_graph::{Scan, Tensor, Tree, trace};
use pullback_interp::Array;
use pullback_ir::{Checkpointing, DType, Function, Module, Op};

use crate::{close, expect, run, values, vector};

/// The function in text.
fn text(function: &Function) -> String {
    let mut module = Module::new();
    module.add(function.clone());
    module.to_string()
}

#[test]
fn a_scan_carries_and_stacks() {
    let out = values(|g| {
        let xs = vector(g, &[1.0, 2.0, 3.0, 4.0]);
        let (sum, partial) = g.scan(g.scalar(10.0), xs, |sum, x| {
            let next = sum + x;
            (next, next * 2.0)
        });
        vec![sum, partial]
    });
    close(&out[0], &[], &[20.0], 0.0);
    close(&out[1], &[4], &[22.0, 26.0, 32.0, 40.0], 0.0);
}

#[test]
fn a_reverse_scan_stacks_at_the_positions_it_reads() {
    let out = values(|g| {
        let xs = vector(g, &[1.0, 2.0, 3.0]);
        let options = Scan { reverse: true, ..Scan::default() };
        let (last, seen) = g.scan_with(options, g.scalar(0.0), xs, |carry, x| (carry * 10.0 + x, carry));
        vec![last, seen]
    });
    close(&out[0], &[], &[321.0], 0.0);
    close(&out[1], &[3], &[32.0, 3.0, 0.0], 0.0);
}

#[test]
fn state_comes_in_any_tree_and_swaps_at_once() {
    let out = values(|g| {
        let state = (g.scalar(1.0), [vector(g, &[1.0, 2.0]), vector(g, &[3.0, 4.0])], vec![g.scalar(5i32)]);
        let options = Scan { length: Some(3), ..Scan::default() };
        let ((a, [b, c], d), ()) =
            g.scan_with(options, state, (), |(a, [b, c], d), ()| ((a + a, [c, b], vec![d[0] + 1]), ()));
        vec![a, b, c, d[0]]
    });
    close(&out[0], &[], &[8.0], 0.0);
    close(&out[1], &[2], &[3.0, 4.0], 0.0);
    close(&out[2], &[2], &[1.0, 2.0], 0.0);
    close(&out[3], &[], &[8.0], 0.0);
}

#[derive(Clone)]
struct Oscillator<'g> {
    position: Tensor<'g>,
    velocity: Tensor<'g>,
}

impl<'g> Tree<'g> for Oscillator<'g> {
    fn map_tensors(&self, f: &mut dyn FnMut(Tensor<'g>) -> Tensor<'g>) -> Self {
        Self { position: f(self.position), velocity: f(self.velocity) }
    }
}

#[test]
fn a_struct_is_a_state_too() {
    let (mut position, mut velocity) = (1.0f64, 0.0f64);
    for _ in 0..50 {
        velocity -= 0.1 * position;
        position += 0.1 * velocity;
    }
    let out = values(|g| {
        let start = Oscillator { position: g.scalar(1.0), velocity: g.scalar(0.0) };
        let end = g.for_loop(50, start, |_, state: Oscillator<'_>| {
            let velocity = state.velocity - 0.1 * state.position;
            Oscillator { position: state.position + 0.1 * velocity, velocity }
        });
        vec![end.position, end.velocity]
    });
    close(&out[0], &[], &[position], 1e-15);
    close(&out[1], &[], &[velocity], 1e-15);
}

#[test]
fn a_for_loop_counts() {
    expect(&[], &[0.0 + 1.0 + 4.0 + 9.0 + 16.0], |g| {
        g.for_loop(5, g.scalar(0.0), |i, sum| sum + (i * i).to(DType::F64))
    });
}

fn collatz<'g>((n, count): (Tensor<'g>, Tensor<'g>)) -> (Tensor<'g>, Tensor<'g>) {
    ((n % 2).eq_(0).select(n / 2, 3 * n + 1), count + 1)
}

#[test]
fn while_loops_end_by_their_condition_or_their_bound() {
    // The Collatz sequence of 27 reaches 1 after 111 steps.
    let steps = |bound: Option<usize>| {
        values(|g| {
            let start = (g.scalar(27i64), g.scalar(0i64));
            let (n, count) = match bound {
                None => g.while_loop(start, |(n, _)| n.gt(1), collatz),
                Some(bound) => g.while_bounded(bound, start, |(n, _)| n.gt(1), collatz),
            };
            vec![n, count]
        })
    };
    assert_eq!(steps(None)[1].to_f64(), [111.0]);
    assert_eq!(steps(Some(1000))[1].to_f64(), [111.0]);
    assert_eq!(steps(Some(3))[1].to_f64(), [3.0]);
    assert_eq!(steps(Some(3))[0].to_f64(), [124.0], "27, 82, 41, 124");
    assert_eq!(steps(Some(0))[0].to_f64(), [27.0]);
}

#[test]
fn branches_return_what_was_chosen() {
    for (x, expected) in [(4.0, [2.0, 4.0]), (-3.0, [9.0, -3.0])] {
        let out = values(|g| {
            let x = g.scalar(x);
            let (y, same) = g.cond(x.gt(0), || (x.sqrt(), x), || (x * x, x));
            vec![y, same]
        });
        assert_eq!([out[0].to_f64()[0], out[1].to_f64()[0]], expected);
    }
    for (index, expected) in [(-5i64, 1.0), (0, 1.0), (1, 20.0), (2, 300.0), (i64::MAX, 300.0), (1 << 32, 300.0)] {
        expect(&[], &[expected], |g| {
            let x = g.scalar(1.0);
            g.switch(g.scalar(index), 3, |branch| match branch {
                0 => x,
                1 => x * 20.0,
                _ => 300.0 * x,
            })
        });
    }
    expect(&[], &[7.0], |g| g.switch(g.scalar(200u8), 2, |branch| g.scalar(if branch == 0 { 6.0 } else { 7.0 })));
}

#[test]
fn a_tensor_is_captured_once_through_any_depth() {
    let module = Module::new();
    let function = trace(&module, "f", |g| {
        let (w, x) = (g.input("w", DType::F64, []), g.input("x", DType::F64, [3, 2]));
        let (last, ()) = g.scan(w, x, |h, row| {
            let (h, ()) = g.scan(h, row, |h, x| {
                let scaled = g.cond(h.gt(w), || h * w, || h + w * w);
                (scaled + x, ())
            });
            (h * w, ())
        });
        vec![last]
    })
    .unwrap();
    assert_eq!(function.insts().len(), 1, "{}", text(&function));
    let Op::Scan(spec) = function.op(function.insts()[0]) else { panic!("{}", text(&function)) };
    assert_eq!((spec.consts, spec.carry, spec.length), (1, 1, 3));
    let outer = &function.region_functions(function.insts()[0])[0];
    let Op::Scan(spec) = outer.op(outer.insts()[0]) else { panic!("{}", text(&function)) };
    assert_eq!((spec.consts, spec.carry, spec.length), (1, 1, 2));

    let (w, x) = (1.5f64, [0.5, -1.0, 2.0, 0.25, -3.0, 1.0]);
    let mut h = w;
    for row in x.chunks(2) {
        for x in row {
            h = if h > w { h * w } else { h + w * w } + x;
        }
        h *= w;
    }
    let inputs = [Array::scalar(w), Array::from_slice(&[3, 2], &x).unwrap()];
    close(&run(module, function, &inputs)[0], &[], &[h], 1e-14);
}

#[test]
fn constants_are_repeated_inside_and_large_ones_captured() {
    let module = Module::new();
    let function = trace(&module, "f", |g| {
        let (two, table) = (g.scalar(2.0), vector(g, &[1.0, 5.0]));
        let positions = g.arange(DType::F64, 2);
        vec![g.for_loop(3, table, |_, h| h * two + table + positions)]
    })
    .unwrap();
    let scan = *function.insts().last().unwrap();
    let Op::Scan(spec) = function.op(scan) else { panic!("{}", text(&function)) };
    assert_eq!(spec.consts, 1, "the table: {}", text(&function));
    let expected = (0..3).fold([1.0, 5.0], |[a, b], _| [a * 2.0 + 1.0, b * 2.0 + 6.0]);
    close(&run(module, function, &[])[0], &[2], &expected, 0.0);
}

#[test]
fn what_a_region_yields_may_come_from_outside_or_twice() {
    let out = values(|g| {
        let (w, x) = (vector(g, &[1.0, 2.0]), g.scalar(3.0));
        let ((a, b), (c, d)) = g.scan((x, x), vector(g, &[5.0, 6.0]), |(a, _), x| ((a, a), (w, x)));
        let chosen = g.cond(x.gt(0), || w, || w * 2.0);
        vec![a, b, c, d, chosen]
    });
    close(&out[0], &[], &[3.0], 0.0);
    close(&out[1], &[], &[3.0], 0.0);
    close(&out[2], &[2, 2], &[1.0, 2.0, 1.0, 2.0], 0.0);
    close(&out[3], &[2], &[5.0, 6.0], 0.0);
    close(&out[4], &[2], &[1.0, 2.0], 0.0);
}

#[test]
fn a_checkpoint_computes_what_its_body_does() {
    let module = Module::new();
    let function = trace(&module, "f", |g| {
        let x = g.input("x", DType::F64, [2]);
        let [a, b] = g.checkpoint(|| [x.sin(), x.sin() * x]);
        vec![a + b]
    })
    .unwrap();
    assert!(matches!(function.op(function.insts()[0]), Op::Checkpoint));
    let out = run(module, function, &[Array::from_slice(&[2], &[0.5, 1.5]).unwrap()]);
    close(&out[0], &[2], &[0.5f64.sin() * 1.5, 1.5f64.sin() * 2.5], 1e-15);
}

#[test]
fn options_and_names_reach_the_instruction() {
    let module = Module::new();
    let function = trace(&module, "f", |g| {
        let (w, x) = (g.input("w", DType::F32, [4]), g.input("x", DType::F32, [10, 4]));
        let options = Scan { checkpoint: Checkpointing::Binomial(3), ..Scan::default() };
        let (h, ys) = g.scan_with(options, g.zeros(DType::F32, [4]), x, |h, x| {
            let h = (w * h.named("h") + x).named("next");
            (h, h.sum().named("total"))
        });
        vec![h.named("last"), ys]
    })
    .unwrap();
    let text = text(&function);
    for part in ["checkpoint_slots=3", "%last, ", "%h: f32[4]", "%next = add", "%total = reduce add"] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn a_scan_of_no_iterations_returns_its_state() {
    let out = values(|g| {
        let (last, ys) = g.scan(g.scalar(4.0), g.zeros(DType::F64, [0, 3]), |h, x| (h + x.sum(), x));
        vec![last, ys]
    });
    close(&out[0], &[], &[4.0], 0.0);
    close(&out[1], &[0, 3], &[], 0.0);
}

#[test]
fn a_barrier_gives_back_its_tree() {
    let module = Module::new();
    let function = trace(&module, "f", |g| {
        let x = g.input("x", DType::F64, [2]);
        let (a, [b]) = g.barrier((x, [x + 1]));
        let () = g.barrier(());
        vec![a + b]
    })
    .unwrap();
    assert!(function.insts().iter().any(|&inst| matches!(function.op(inst), Op::Barrier)));
    close(&run(module, function, &[Array::from_slice(&[2], &[1.0, 2.0]).unwrap()])[0], &[2], &[3.0, 5.0], 0.0);
}

#[test]
fn a_whole_training_fits_into_a_loop() {
    // Adam on (x - 3)^2, in the graph and by hand.
    let (mut x, mut m, mut v) = (0.0f64, 0.0f64, 0.0f64);
    for t in 1..=100 {
        let slope = 2.0 * (x - 3.0);
        m = 0.9 * m + 0.1 * slope;
        v = 0.999 * v + 0.001 * slope * slope;
        x -= 0.1 * (m / (1.0 - 0.9f64.powi(t))) / ((v / (1.0 - 0.999f64.powi(t))).sqrt() + 1e-8);
    }
    let out = values(|g| {
        let zero = g.scalar(0.0);
        let start = AdamState { parameter: zero, first_moment: zero, second_moment: zero };
        let end = g.for_loop(100, start, |i, state: AdamState<'_>| {
            Adam::default().step(state, 2.0 * (state.parameter - 3.0), i + 1, 0.1)
        });
        vec![end.parameter]
    });
    close(&out[0], &[], &[x], 1e-10);
}
