//! Small products that are merged, and parts that are stored where they are put together: recurrences written out, and their gradients.
//!
//! The interpreter says what a program computes, in `f64` to a few roundings, before and after optimisation; machine code computes the same, cut finely or not, with the
//! same bits on any number of threads.
#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "support/rng.rs"]
#[allow(dead_code, reason = "shared with suites that use more of it")]
mod rng;

use pullback::interp::{Array, evaluate};
use pullback::ir::{Elements, Op, Scalar, Type};
use pullback::optimize::optimize;
use pullback::{
    Cutting, DType, Derivative, FuncId, Function, Graph, Module, Options, Stage, Tensor, Verified, autodiff, compile,
    dump, parse_module, run_arrays, trace, verify,
};
use rng::Rng;

/// Relative to the norm of a result in `f64`: some hundred roundings.
const TOLERANCE: f64 = 3e-14;

/// The value and the gradient by the parameters of these numbers.
fn gradient(model: impl for<'g> FnOnce(&'g Graph<'_>) -> Tensor<'g>, wrt: &[usize]) -> (Verified<Module>, FuncId) {
    let mut module = Module::new();
    let function = trace(&module, "model", |graph| vec![model(graph)]).unwrap();
    let id = module.add(function);
    let module = verify(module).unwrap();
    let function = autodiff::differentiate(&module, id, Derivative::ValueAndGradient, wrt).unwrap();
    let mut module = Module::clone(&module);
    let id = module.add(function);
    (verify(module).unwrap(), id)
}

fn parsed(text: &str) -> (Verified<Module>, FuncId) {
    let module = verify(parse_module(text).unwrap()).unwrap();
    let (id, _) = module.functions().last().unwrap();
    (module, id)
}

/// Small elements: recurrences of larger ones make roundings grow without bound.
fn input(ty: &Type, number: usize) -> Array {
    let mut rng = Rng::new(number as u64 + 1);
    let mut elements = Elements::empty(ty.dtype, ty.elements());
    (0..ty.elements()).for_each(|_| assert!(elements.push(Scalar::from_f64(ty.dtype, rng.between(-0.4, 0.4)))));
    Array::new(ty.shape.clone(), elements).unwrap()
}

fn assert_close(what: &str, found: &[Array], expected: &[Array]) {
    assert_eq!(found.len(), expected.len());
    for (number, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.shape, expected.shape);
        let pairs = || found.elements.iter().zip(expected.elements.iter()).map(|(x, y)| (x.to_f64(), y.to_f64()));
        let norm = pairs().map(|(_, y)| y * y).sum::<f64>().sqrt();
        let distance = pairs().map(|(x, y)| (x - y) * (x - y)).sum::<f64>().sqrt();
        assert!(distance <= TOLERANCE * norm, "{what}: result {number} is {distance:e} from one of norm {norm:e}");
    }
}

/// Interprets a program before and after optimisation, and runs it; what it is optimised to.
fn check((module, id): &(Verified<Module>, FuncId)) -> Function {
    let inputs: Vec<Array> =
        module.function(*id).param_types().enumerate().map(|(number, ty)| input(ty, number)).collect();
    let optimized = optimize(module, *id).unwrap().module;
    let expected = evaluate(module, *id, &inputs).unwrap();
    assert_close("interpreted", &evaluate(&optimized, *id, &inputs).unwrap(), &expected);
    for cutting in [Cutting::default(), Cutting::EVERYTHING] {
        let run = |threads| {
            let options = Options { cutting, verify_each: true, ..Options::new() }.threads(threads);
            let executable = compile(module, *id, &options).unwrap_or_else(|error| panic!("{error}"));
            run_arrays(&executable, &inputs).unwrap()
        };
        let found = run(1);
        assert_close("compiled", &found, &expected);
        assert_eq!(run(3), found, "the bits depend on the number of threads");
    }
    optimized.function(*id).clone()
}

fn products(function: &Function) -> usize {
    function.insts().iter().filter(|&&inst| matches!(function.op(inst), Op::Dot(_))).count()
}

/// The kernels of the loop program that copy or put together.
fn copies((module, id): &(Verified<Module>, FuncId)) -> usize {
    let text = dump(module, *id, &Options::new(), Stage::Loops).unwrap();
    text.lines().filter(|line| line.contains("kernel @") && line.contains("concatenate")).count()
}

/// `h' = tanh(h w + x u)` over so many steps of `rows × n`.
fn recurrence<'g>(graph: &'g Graph<'_>, (steps, rows, n): (usize, usize, usize)) -> Tensor<'g> {
    let [w, u] = ["w", "u"].map(|name| graph.input(name, DType::F64, [n, n]));
    let x = graph.input("x", DType::F64, [steps, rows, n]);
    let mut h = graph.input("h", DType::F64, [rows, n]);
    let mut total = graph.zeros(DType::F64, []);
    for step in 0..steps as isize {
        h = (h.matmul(w) + x.index(0, step).matmul(u)).tanh();
        total = total + h.square().sum();
    }
    total
}

#[test]
fn a_recurrence_written_out_multiplies_its_inputs_at_once() {
    for shape in [(9, 2, 5), (5, 8, 16), (6, 16, 40)] {
        let program = gradient(|graph| recurrence(graph, shape), &[0, 1, 2, 3]);
        let after = check(&program);
        // Of each step two are left, of the state and of its adjoint; of all together one each for the inputs, their adjoint, and both weights.
        assert_eq!(products(&after), 2 * shape.0 + 4);
    }
}

#[test]
fn states_are_stored_where_they_are_put_together() {
    let program = gradient(|graph| recurrence(graph, (12, 16, 40)), &[0, 1, 2, 3]);
    check(&program);
    // The first state is a parameter and has to be copied; adjoints do not.
    assert_eq!(copies(&program), 1);
    // A state that is returned is stored where it is returned.
    let text = "
        func @main(%x: f64[8,16], %w: f64[16,16]) -> (f64[8,16], f64[32,16], f64[32,16]) {
          %a = dot %x, %w, contract=[1]x[0] : f64[8,16]
          %b = tanh %a : f64[8,16]
          %c = dot %b, %w, contract=[1]x[0] : f64[8,16]
          %d = tanh %c : f64[8,16]
          %e = dot %d, %w, contract=[1]x[0] : f64[8,16]
          %f = sin %e : f64[8,16]
          %g = dot %f, %w, contract=[1]x[0] : f64[8,16]
          %i = cos %g : f64[8,16]
          %j = concatenate %b, %d, %f, %i, axis=0 : f64[32,16]
          %k = concatenate %i, %d, %b, %b, axis=0 : f64[32,16]
          return %d, %j, %k
        }";
    check(&parsed(text));
}

/// What else may be stored where the whole is: an update of it, what is computed from it element by element, and the state of a loop.
#[test]
fn parts_are_read_when_the_whole_is_no_longer() {
    for (update, ty) in [
        ("%e = dynamic_update_slice %c, %u, %z, %z", "f64[32,64]"),
        ("%e = mul %c, %c", "f64[32,64]"),
        (
            "%e = scan %c, length=3, consts=0, carry=1 : f64[32,64]
               body(%s: f64[32,64]) {
                 %n = sin %s : f64[32,64]
                 yield %n
               }
             %ee = neg %e",
            "f64[32,64]",
        ),
    ] {
        let text = format!(
            "func @main(%x: f64[16,64], %y: f64[16,64], %u: f64[1,64]) -> (f64[32,64], f64[64,64]) {{
               %a = tanh %x : f64[16,64]
               %s0 = dot %a, %y, contract=[0]x[0] : f64[64,64]
               %b0 = dot %a, %s0, contract=[1]x[0] : f64[16,64]
               %b = tanh %b0 : f64[16,64]
               %c = concatenate %a, %b, axis=0 : f64[32,64]
               %z = constant 0 : i32
               {update} : {ty}
               %t = slice %e, start=[0,0], limit=[16,64] : f64[16,64]
               %t1 = cos %t : f64[16,64]
               %h = dot %t1, %a, contract=[0]x[0] : f64[64,64]
               return %e, %h
             }}"
        );
        check(&parsed(&text));
    }
}

#[test]
fn a_product_that_a_group_reads_whole_is_not_brought_into_it_in_blocks() {
    let text = "
        func @main(%z: f64[256,8], %y: f64[8,256], %t: f64[256,64], %u: f64[64,256]) -> f64[256,256] {
          %a = dot %z, %y, contract=[1]x[0] : f64[256,256]
          %b = dot %t, %u, contract=[1]x[0] : f64[256,256]
          %c = dot %b, %a, contract=[1]x[0] : f64[256,256]
          %d = mul %b, %c : f64[256,256]
          return %d
        }";
    check(&parsed(text));
}

#[test]
fn a_product_of_which_a_group_reads_some_rows_is_not_brought_into_it() {
    // The group runs over the four rows of the slice; the others are read behind it.
    let text = "
        func @main(%a: f64[16,33], %b: f64[33,33], %x: f64[4,33], %y: f64[4,33]) -> (f64[4,33], f64[11,33]) {
          %h = add %x, %y : f64[4,33]
          %k = reduce add %h, axes=[1] : f64[4]
          %p = dot %a, %b, contract=[1]x[0] : f64[16,33]
          %s = slice %p, start=[0,0], limit=[4,33] : f64[4,33]
          %t = slice %p, start=[4,0], limit=[15,33] : f64[11,33]
          %kk = broadcast %k, dims=[0] : f64[4,33]
          %u = mul %s, %kk : f64[4,33]
          %v = sin %t : f64[11,33]
          return %u, %v
        }";
    check(&parsed(text));
}

#[test]
fn a_view_that_is_stored_may_be_read_by_another_one() {
    // The state is both: numbers counted up, and those repeated.
    let text = "
        func @main(%x: f64[3]) -> (f64[3,3], f64[4,3,3]) {
          %a = iota axis=0 : f64[3,3]
          %b = broadcast %a, dims=[1,2] : f64[4,3,3]
          %c, %d = scan %x, %a, %b, length=4, consts=1, carry=2 : f64[3,3], f64[4,3,3]
            body(%w: f64[3], %p: f64[3,3], %q: f64[4,3,3]) {
              %e = sin %q : f64[4,3,3]
              %s = broadcast %w, dims=[1] : f64[3,3]
              %t = add %s, %p : f64[3,3]
              yield %t, %e
            }
          return %c, %d
        }";
    check(&parsed(text));
}

#[test]
fn a_budget_of_memory_is_met_without_anything_put_together_if_it_has_to_be() {
    let mut text = String::from(
        "func @main(%x: f64[32,64], %w: f64[64,64], %s0: f64[64,64]) -> (f64[64,64], f64[32,64]) {\n  %e0 = neg %x : f64[32,64]\n",
    );
    for step in 0..30 {
        let next = step + 1;
        text += &format!(
            "  %d{next} = dot %e{step}, %w, contract=[1]x[0] : f64[32,64]
             %e{next} = tanh %d{next} : f64[32,64]
             %f{next} = cos %d{next} : f64[32,64]
             %p{next} = dot %e{step}, %f{next}, contract=[0]x[0] : f64[64,64]
             %s{next} = add %s{step}, %p{next} : f64[64,64]\n"
        );
    }
    let (module, id) = parsed(&format!("{text}  return %s30, %e30\n}}"));
    assert_eq!(products(&check(&(module.clone(), id))), 31);
    // The factors of 30 products, put together: more than what is needed apart.
    let together = 2 * 30 * 32 * 64 * size_of::<f64>();
    let budget = together / 10 * 9;
    let executable =
        compile(&module, id, &Options::new().memory_budget(budget)).unwrap_or_else(|error| panic!("{error}"));
    assert!(executable.arena_bytes() <= budget);
}

#[test]
fn long_vectors_are_not_copied_for_their_products_with_one() {
    let text = "
        func @main(%a: f64[1000], %b: f64[1000], %c: f64[1000], %d: f64[1000], %x: f64[1000]) -> (f64, f64, f64, f64) {
          %p = dot %a, %x, contract=[0]x[0] : f64
          %q = dot %b, %x, contract=[0]x[0] : f64
          %r = dot %c, %x, contract=[0]x[0] : f64
          %s = dot %d, %x, contract=[0]x[0] : f64
          return %p, %q, %r, %s
        }";
    assert_eq!(products(&check(&parsed(text))), 4);
}

#[test]
fn a_concatenation_may_lie_where_a_parameter_was() {
    // The state is a concatenation of parts that are computed from it, some before it is read for the last time.
    for (first, second) in [("%lo", "%hi"), ("%hi", "%lo")] {
        let text = format!(
            "func @main(%x: f64[64,8], %w: f64[8,8]) -> f64[64,8] {{
               %y = scan %w, %x, length=5, consts=1, carry=1 : f64[64,8]
                 body(%v: f64[8,8], %s: f64[64,8]) {{
                   %lo = slice %s, start=[0,0], limit=[32,8] : f64[32,8]
                   %hi = slice %s, start=[32,0], limit=[64,8] : f64[32,8]
                   %a = dot {first}, %v, contract=[1]x[0] : f64[32,8]
                   %b = tanh %a : f64[32,8]
                   %c = dot %b, %v, contract=[1]x[0] : f64[32,8]
                   %d = add %c, {second} : f64[32,8]
                   %e = sin %d : f64[32,8]
                   %f = dot %e, %v, contract=[1]x[0] : f64[32,8]
                   %g = mul %f, {first} : f64[32,8]
                   %h = add %b, %g : f64[32,8]
                   %z = concatenate %b, %h, axis=0 : f64[64,8]
                   yield %z
                 }}
               return %y
             }}"
        );
        check(&parsed(&text));
    }
}

#[test]
fn vectors_are_rows() {
    let program = gradient(
        |graph| {
            let w = graph.input("w", DType::F64, [6, 6]);
            let x = graph.input("x", DType::F64, [7, 6]);
            let mut h = graph.input("h", DType::F64, [6]);
            for step in 0..7 {
                h = (w.matmul(h) + w.matmul(x.index(0, step))).tanh();
            }
            h.square().sum()
        },
        &[0, 1, 2],
    );
    assert!(products(&check(&program)) < 7 * 3);
}

#[test]
fn products_of_a_vector_with_itself_and_with_a_matrix_on_either_side() {
    let mut text = String::from(
        "func @main(%x: f64[6,5], %w: f64[5,5]) -> (f64[5], f64[5], f64) {\n  %v = constant 0.5 : f64[5]\n",
    );
    for row in 0..6 {
        text += &format!(
            "  %s{row} = slice %x, start=[{row},0], limit=[{},5] : f64[1,5]
             %v{row} = reshape %s{row} : f64[5]
             %l{row} = dot %v{row}, %w, contract=[0]x[1] : f64[5]
             %r{row} = dot %w, %v{row}, contract=[0]x[0] : f64[5]
             %q{row} = dot %v{row}, %v{row}, contract=[0]x[0] : f64
             %c{row} = dot %v, %v{row}, contract=[0]x[0] : f64\n",
            row + 1
        );
    }
    text += "  %a0 = max %l0, %l1 : f64[5]\n  %b0 = max %r0, %r1 : f64[5]\n  %d0 = mul %q0, %c0 : f64\n";
    for row in 1..6 {
        let before = row - 1;
        text += &format!(
            "  %a{row} = max %a{before}, %l{row} : f64[5]
             %b{row} = max %b{before}, %r{row} : f64[5]
             %e{row} = mul %q{row}, %c{row} : f64
             %d{row} = sub %d{before}, %e{row} : f64\n"
        );
    }
    let after = check(&parsed(&format!("{text}  return %a5, %b5, %d5\n}}")));
    // Those with the matrix, whose other axis is contracted on the other side; those with the constant; and each with itself.
    assert_eq!(products(&after), 1 + 1 + 1 + 6);
}

#[test]
fn products_that_depend_on_each_other_stay_apart() {
    // The second layer's products with its inputs can be one; those with its own state cannot.
    let program = gradient(
        |graph| {
            let [w, u, v] = ["w", "u", "v"].map(|name| graph.input(name, DType::F64, [5, 5]));
            let x = graph.input("x", DType::F64, [6, 2, 5]);
            let mut states = [graph.zeros(DType::F64, [2, 5]), graph.zeros(DType::F64, [2, 5])];
            for step in 0..6 {
                states[0] = (states[0].matmul(w) + x.index(0, step)).tanh();
                states[1] = (states[1].matmul(v) + states[0].matmul(u)).tanh();
            }
            states[1].square().sum()
        },
        &[0, 1, 2, 3],
    );
    check(&program);
    // The same matrix for the state and for what depends on it.
    let program = gradient(
        |graph| {
            let w = graph.input("w", DType::F64, [5, 5]);
            let mut h = graph.input("h", DType::F64, [2, 5]);
            let mut total = graph.zeros(DType::F64, [2, 5]);
            for _ in 0..6 {
                h = h.matmul(w).tanh();
                total = total + h.matmul(w);
            }
            total.square().sum()
        },
        &[0, 1],
    );
    check(&program);
}

#[test]
fn large_products_and_few_are_left_alone() {
    let sum_of = |count: usize, k: usize| {
        let params: Vec<String> =
            (0..count).map(|number| format!("%x{number}: f64[{k},4], %y{number}: f64[{k},4]")).collect();
        let mut text = format!("func @main({}) -> f64[4,4] {{\n", params.join(", "));
        for number in 0..count {
            text += &format!("  %p{number} = dot %x{number}, %y{number}, contract=[0]x[0] : f64[4,4]\n");
        }
        text += "  %s0 = add %p0, %p1 : f64[4,4]\n";
        for number in 2..count {
            text += &format!("  %s{} = add %s{}, %p{number} : f64[4,4]\n", number - 1, number - 2);
        }
        parsed(&format!("{text}  return %s{}\n}}", count - 2))
    };
    assert_eq!(products(&check(&sum_of(5, 3))), 1);
    assert_eq!(products(&check(&sum_of(3, 3))), 3);
    // More would be put together than is added up.
    assert_eq!(products(&check(&sum_of(5, 9))), 5);
}

#[test]
fn a_sum_that_others_need_is_computed_before_them() {
    // The sum is needed for later parts of what the products of another sum would be put together from.
    let text = "
        func @main(%a: f64[2,4], %b: f64[2,4], %c: f64[2,4], %d: f64[2,4], %x: f64[2,4]) -> (f64[4,4], f64[4,4]) {
          %p = dot %a, %x, contract=[0]x[0] : f64[4,4]
          %q = dot %b, %x, contract=[0]x[0] : f64[4,4]
          %r = dot %c, %x, contract=[0]x[0] : f64[4,4]
          %s = dot %d, %x, contract=[0]x[0] : f64[4,4]
          %t = add %p, %q : f64[4,4]
          %u = add %t, %r : f64[4,4]
          %v = add %u, %s : f64[4,4]
          %e = dot %x, %v, contract=[1]x[0] : f64[2,4]
          %p2 = dot %a, %e, contract=[0]x[0] : f64[4,4]
          %q2 = dot %b, %x, contract=[0]x[0] : f64[4,4]
          %r2 = dot %c, %a, contract=[0]x[0] : f64[4,4]
          %s2 = dot %d, %b, contract=[0]x[0] : f64[4,4]
          %w2 = dot %e, %b, contract=[0]x[0] : f64[4,4]
          %t2 = add %p2, %q2 : f64[4,4]
          %u2 = add %t2, %r2 : f64[4,4]
          %v2 = add %u2, %s2 : f64[4,4]
          %y2 = add %v2, %w2 : f64[4,4]
          return %v, %y2
        }";
    check(&parsed(text));
}

/// A value of the pool, of two rows.
fn step<'g>(
    graph: &'g Graph<'_>,
    rng: &mut Rng,
    pool: &[Tensor<'g>],
    (weights, x): (&[Tensor<'g>], Tensor<'g>),
) -> Tensor<'g> {
    let [a, b] = [pool[rng.below(pool.len())], pool[rng.below(pool.len())]];
    let w = weights[rng.below(weights.len())];
    match rng.below(7) {
        0 => a.matmul(w),
        1 => (a.matmul(w) + b).tanh(),
        2 | 3 => x.index(0, rng.below(8) as isize).matmul(w),
        4 => (a * b).sin(),
        5 => x.index(0, rng.below(8) as isize) + a,
        _ => graph.concatenate(&[a.slice_axis(0, 1..2), b.slice_axis(0, 0..1)], 0),
    }
}

#[test]
fn random_recurrences_compute_what_the_interpreter_says() {
    let (mut before, mut after) = (0, 0);
    for seed in 0..120 {
        let mut rng = Rng::new(seed);
        let n = rng.pick(&[3, 4, 8, 40]);
        let steps = 4 + rng.below(24);
        let program = gradient(
            |graph| {
                let weights = ["w", "u"].map(|name| graph.input(name, DType::F64, [n, n]));
                let x = graph.input("x", DType::F64, [8, 2, n]);
                let mut pool = vec![x.index(0, 0)];
                for _ in 0..steps {
                    let next = step(graph, &mut rng, &pool, (&weights, x));
                    pool.push(next);
                }
                pool.iter().rev().take(4).map(|value| value.square().sum()).reduce(|sum, term| sum + term).unwrap()
            },
            &[0, 1, 2],
        );
        before += products(program.0.function(program.1));
        after += products(&check(&program));
    }
    // Enough is merged for this to show something.
    assert!(5 * after < 4 * before, "{before} products became {after}");
}
