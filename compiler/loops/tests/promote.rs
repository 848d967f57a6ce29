//! Promotion: the same bits, and what is left of the traffic with memory.

#![allow(missing_docs, unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "tests")]

#[allow(dead_code, reason = "shared with suites that use more of it")]
#[path = "../../../tests/support/control.rs"]
mod control;
#[path = "../../../tests/support/random_control.rs"]
mod random_control;
#[allow(dead_code, reason = "shared with suites that use more of it")]
#[path = "../../../tests/support/rng.rs"]
mod rng;

use pullback_autodiff::value_and_grad;
use pullback_ir::{DType, Elements, Module, Scalar, parse_module, verify};
use pullback_loops::{
    Expr, Program, Space, Step, Stmt, Target, contract_mul_add, interpret, lower, parse_program, promote,
};
use pullback_optimize::fuse::{FuseOptions, Fusion, fuse};

/// Vectors of 64 bytes.
const WIDE: Target = Target { vector_bytes: 64 };

/// The loop program of the last function of a module.
fn lowered(text: &str, kinds: Fusion, target: Target) -> Program {
    let module = parse_module(text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let module = verify(module).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let function = module.functions().last().unwrap().1;
    let plan = fuse(function, FuseOptions { kinds, ..FuseOptions::default() }).unwrap();
    let mut program = lower(function, &plan, target).unwrap();
    contract_mul_add(&mut program);
    program
}

/// The program promoted, with the same text after reading it back.
fn promoted(program: &Program) -> Program {
    let mut program = program.clone();
    promote(&mut program).unwrap();
    let text = program.to_string();
    assert_eq!(parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}")).to_string(), text);
    program
}

fn run(program: &Program) -> Vec<Elements> {
    let inputs = program.buffers.values().filter(|data| matches!(data.space, Space::Input(_)));
    let mut inputs: Vec<_> = inputs.collect();
    inputs.sort_by_key(|data| if let Space::Input(position) = data.space { position } else { 0 });
    let inputs: Vec<Elements> =
        inputs.iter().enumerate().map(|(n, data)| input(data.dtype, data.elements, n)).collect();
    let verified = pullback_loops::verify(program.clone()).unwrap_or_else(|errors| panic!("{errors}\n{program}"));
    interpret(&verified, &inputs).unwrap_or_else(|error| panic!("{error}\n{program}"))
}

/// Numbers that no two elements share, zeros of both signs among them.
fn input(dtype: DType, elements: usize, number: usize) -> Elements {
    let mut all = Elements::empty(dtype, elements);
    for position in 0..elements {
        let x = ((position * 7 + number * 3 + 1) % 23) as f64 / 11.0 - 0.9;
        let zero = if position % 2 == 0 { -0.0 } else { 0.0 };
        let x = if (position + number) % 5 == 4 { zero } else { x };
        let x = if dtype.is_float() { x } else { ((position + number) % 3) as f64 };
        let _ = all.push(Scalar::from_f64(dtype, x));
    }
    all
}

/// The results' bits, -0 and 0 apart.
fn bits(results: &[Elements]) -> Vec<Vec<u64>> {
    results.iter().map(|elements| elements.iter().map(|element| element.bits()).collect()).collect()
}

/// Promotes a program and compares what both give; says how many loops around kernels became kernels.
fn check(program: &Program) -> usize {
    let after = promoted(program);
    assert_eq!(bits(&run(program)), bits(&run(&after)), "{program}\nbecame\n{after}");
    loops(&program.body) - loops(&after.body)
}

fn loops(steps: &[Step]) -> usize {
    let own = |step: &Step| usize::from(matches!(step, Step::Loop(_)));
    steps.iter().map(|step| own(step) + step.nested().map(loops).sum::<usize>()).sum()
}

/// Loads and stores inside the loops of kernels.
fn accesses(program: &Program) -> [usize; 2] {
    fn count(stmts: &[Stmt], inside: bool, found: &mut [usize; 2]) {
        for stmt in stmts {
            match stmt {
                Stmt::Let(_, Expr::Load(_)) if inside => found[0] += 1,
                Stmt::Store(..) if inside => found[1] += 1,
                Stmt::For(inner) => count(&inner.body, true, found),
                Stmt::If(inner) => count(&inner.body, inside, found),
                _ => {}
            }
        }
    }
    let mut found = [0; 2];
    program.kernels().iter().for_each(|kernel| count(&kernel.body, false, &mut found));
    found
}

#[test]
fn programs_of_loops_and_branches_give_the_same_bits() {
    for target in [Target::default(), WIDE] {
        let count: usize = control::programs()
            .iter()
            .flat_map(|text| [Fusion::All, Fusion::Off].map(|kinds| check(&lowered(text, kinds, target))))
            .sum();
        assert!(count > 10, "{count} loops promoted");
    }
}

#[test]
fn random_programs_give_the_same_bits() {
    for target in [Target::default(), WIDE] {
        let mut count = 0;
        for seed in 0..200 {
            let mut module = Module::new();
            module.add(random_control::function(seed));
            let kinds = if seed % 2 == 0 { Fusion::All } else { Fusion::Off };
            count += check(&lowered(&module.to_string(), kinds, target));
        }
        assert!(count > 50, "{count} loops promoted");
    }
}

/// A Lorenz trajectory by Euler's method, its state a vector that is taken apart and put together.
const LORENZ: &str = "
func @lorenz(%p: f64[3], %s: f64[3]) -> f64 {
  %i = iota axis=0 : i32[20]
  %end = scan %p, %s, %i, length=20, consts=1, carry=1 : f64[3]
    body(%q: f64[3], %at: f64[3], %n: i32) {
      %x1 = slice %at, start=[0], limit=[1] : f64[1]
      %y1 = slice %at, start=[1], limit=[2] : f64[1]
      %z1 = slice %at, start=[2], limit=[3] : f64[1]
      %a = slice %q, start=[0], limit=[1] : f64[1]
      %b = slice %q, start=[1], limit=[2] : f64[1]
      %c = slice %q, start=[2], limit=[3] : f64[1]
      %d = sub %y1, %x1 : f64[1]
      %dx = mul %a, %d : f64[1]
      %e = sub %b, %z1 : f64[1]
      %f = mul %x1, %e : f64[1]
      %dy = sub %f, %y1 : f64[1]
      %g = mul %x1, %y1 : f64[1]
      %h = mul %c, %z1 : f64[1]
      %dz = sub %g, %h : f64[1]
      %slope = concatenate %dx, %dy, %dz, axis=0 : f64[3]
      %dt = constant 0.01 : f64[3]
      %move = mul %dt, %slope : f64[3]
      %next = add %at, %move : f64[3]
      yield %next
    }
  %square = mul %end, %end : f64[3]
  %sum = reduce add %square, axes=[0] : f64
  return %sum
}";

fn lorenz_gradient() -> Program {
    let module = verify(parse_module(LORENZ).unwrap_or_else(|errors| panic!("{errors}"))).unwrap();
    let func = module.functions().last().unwrap().0;
    let gradient = value_and_grad(&module, func, &[0]).unwrap();
    let mut module = Module::clone(&module);
    module.add(gradient);
    lowered(&module.to_string(), Fusion::All, Target::default())
}

#[test]
fn the_state_of_a_gradient_is_in_variables() {
    let program = lorenz_gradient();
    assert_eq!((check(&program), loops(&program.body)), (2, 2), "{program}");
    let program = promoted(&program);
    let [loads, stores] = accesses(&program);
    // Each residual is stored once going forward and loaded once coming back; the loops of the other kernels run over three elements.
    let residuals = program.buffers.values().filter(|data| data.elements == 20 && data.dtype == DType::F64).count();
    assert!(residuals > 0 && (residuals..=residuals + 6).contains(&loads), "{residuals}, {loads} loads\n{program}");
    assert!((residuals..=residuals + 6).contains(&stores), "{residuals}, {stores} stores\n{program}");
    assert!(program.buffers.values().all(|data| data.elements != 1 || !matches!(data.space, Space::Arena(_))));
}

/// A program with a loop of five iterations, behind which `%out` is what `%s` holds.
fn looped(buffers: &str, first: &str, body: &str) -> Program {
    let text = format!(
        "program @f {{
  buffer %x : f64[8] input 0
  buffer %n : i32[5] input 1
  buffer %out : f64[4] output 0
  buffer %s : f64[4] arena 0
{buffers}
  arena 4096
  kernel @first \"first\" {{
    for i0 = 0 to 4 step 1 {{
      v0 = load %x[i0] : f64
      store %s[i0], v0
    }}
{first}
  }}
  loop i1 = 0 to 5 {{
{body}
  }}
  kernel @last \"last\" {{
    for i2 = 0 to 4 step 1 {{
      v90 = load %s[i2] : f64
      store %out[i2], v90
    }}
  }}
}}
"
    );
    parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Checks a program with one loop that becomes a kernel; gives the loads and stores in loops, less those of the first and the last kernel.
fn left(program: &Program) -> [usize; 2] {
    assert_eq!(check(program), 1, "{program}");
    accesses(&promoted(program)).map(|count| count - 2)
}

#[test]
fn values_between_kernels_and_iterations_are_in_variables() {
    let body = "    kernel @a \"a\" {
      for i3 = 0 to 2 step 1 {
        v1 = load %s[i3] : f64
        v2 = load %x[i3 + 4] : f64
        v3 = mul v1, v2 : f64
        store %t[i3], v3
      }
    }
    kernel @b \"b\" {
      v4 = load %t[0] : f64x2
      v5 = load %s[2] : f64x2
      v6 = add v4, v5 : f64x2
      store %s[0], v6
    }";
    assert_eq!(left(&looped("  buffer %t : f64[2] arena 64", "", body)), [0, 0]);
}

#[test]
fn what_exchanges_places_is_carried_crosswise() {
    let body = "    kernel @a \"a\" {
      v1 = load %s[0] : f64
      v2 = load %s[1] : f64
      store %s[1], v1
      store %s[0], v2
    }";
    assert_eq!(left(&looped("", "", body)), [0, 0]);
}

#[test]
fn an_element_stored_in_every_iteration_holds_the_last_behind_the_loop() {
    let body = "    kernel @a \"a\" {
      v1 = load %x[i1] : f64
      v2 = neg v1 : f64
      store %s[3], v1
      store %s[3], v2
    }";
    assert_eq!(left(&looped("", "", body)), [1, 1]);
}

#[test]
fn positions_known_at_run_time_stay_in_memory() {
    let body = "    kernel @a \"a\" {
      v1 = load %n[i1] : i32
      bind i3 = v1 below 4
      v2 = load %s[i3] : f64
      v3 = add v2, v2 : f64
      store %s[i3], v3
      v4 = load %s[i3] : f64
      v5 = load %s[0] : f64
      v6 = sub v4, v5 : f64
      store %s[0], v6
      v7 = load %s[i3] : f64
      store %s[1], v7
    }";
    // What was stored at a position is at hand until something is stored that may be there too.
    assert_eq!(left(&looped("", "", body)), [4, 3]);
}

#[test]
fn what_is_stored_under_a_condition_stays_in_memory() {
    let body = "    kernel @a \"a\" {
      v1 = load %s[0] : f64
      v2 = load %x[i1] : f64
      v3 = compare lt v2, v1 : bool
      if v3 {
        store %s[0], v2
      }
      v4 = load %s[0] : f64
      v5 = neg v4 : f64
      store %s[1], v5
    }";
    assert_eq!(left(&looped("", "", body)), [3, 2]);
}

#[test]
fn rows_of_stacked_arrays_are_at_hand_while_nothing_else_is_stored_there() {
    let body = "    kernel @a \"a\" {
      v1 = load %x[i1] : f64
      store %t[i1], v1
      store %t[i1 + 1], v1
      v2 = load %t[i1] : f64
      store %t[-i1 + 9], v2
      v3 = load %t[i1] : f64
      store %s[0], v3
    }";
    assert_eq!(left(&looped("  buffer %t : f64[10] arena 64", "", body)), [2, 4]);
}

#[test]
fn sums_with_zeros_of_either_sign_keep_their_bits() {
    let body = "    kernel @a \"a\" {
      v1 = const 0.0 : f64
      v2 = const -0.0 : f64
      for i3 = 0 to 2 step 1 {
        v3 = load %x[i1 + i3] : f64
        v4 = mul v3, v2 : f64
        v5 = add v4, v2 : f64
        store %s[i3], v5
        v6 = add v1, v4 : f64
        v7 = add v6, v1 : f64
        v8 = add v1, v7 : f64
        store %s[i3 + 2], v8
      }
    }";
    let program = looped("", "", body);
    assert_eq!(left(&program), [2, 4]);
    // Of four additions in each of two places, that which makes +0 of -0 is left.
    let text = promoted(&program).to_string();
    assert_eq!(text.matches(" = add ").count(), 2, "{text}");
}

#[test]
fn vectors_with_costly_operations_keep_their_lanes() {
    let body = "    kernel @a \"a\" {
      v1 = load %s[0] : f64x2
      v2 = tanh v1 : f64x2
      store %s[0], v2
      v3 = load %s[1] : f64
      store %s[2], v3
    }";
    let program = looped("", "", body);
    assert_eq!(left(&program), [2, 2]);
    assert!(promoted(&program).to_string().contains("tanh v1 : f64x2"));
}

#[test]
fn large_loops_stay_as_they_are() {
    let body = "    kernel @a \"a\" {
      for i3 = 0 to 17 step 1 {
        v1 = load %x[i1] : f64
        store %s[0], v1
      }
    }";
    let program = looped("", "", body);
    assert_eq!((check(&program), promoted(&program).to_string()), (0, program.to_string()));
}

#[test]
fn large_loops_in_which_vectors_would_become_scalars_stay_as_they_are() {
    // Two vectors of the state that have an element in common, or none, and additions.
    let program = |other: usize, additions: usize| {
        let add = |number: usize| format!("      v{} = add v{}, v2 : f64x2\n", 100 + number, 99 + number);
        let additions: String =
            (1..=additions).map(add).chain([format!("      store %s[0], v{}", 100 + additions)]).collect();
        looped(
            "",
            "",
            &format!(
                "    kernel @a \"a\" {{
      v1 = load %s[0] : f64x2
      v2 = load %s[{other}] : f64x2
      v100 = add v1, v2 : f64x2
{additions}
    }}"
            ),
        )
    };
    assert_eq!([check(&program(1, 250)), check(&program(1, 350)), check(&program(2, 350))], [1, 0, 1]);
}

/// A state of eight elements whose halves, and whose second element, are read from one iteration to the next.
#[test]
fn vectors_are_split_into_pieces_as_wide_as_other_accesses_allow() {
    let program = |reads: &str| {
        let text = format!(
            "program @f {{
  buffer %x : f64[8] input 0
  buffer %s : f64[8] output 0
  buffer %t : f64[20] output 1
  arena 0

  kernel @begin \"\" {{
    v0 = load %x[0] : f64x8
    store %s[0], v0
  }}

  loop i0 = 0 to 5 {{
    kernel @turn \"\" {{
      {reads}
      v1 = load %s[0] : f64x8
      v2 = reduce_lanes add v1 : f64
      v3 = splat v2 : f64x8
      v4 = const 0.25 : f64x8
      v5 = mul_add v1, v4, v3 : f64x8
      store %s[0], v5
    }}
  }}
}}
"
        );
        parse_program(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    };
    let halves = "v11 = load %s[4] : f64x4\nstore %t[4*i0], v11";
    let element = "v13 = load %s[1] : f64\nv14 = splat v13 : f64x4\nstore %t[4*i0], v14";
    for (reads, lanes) in [(halves, "f64x4"), (element, "f64")] {
        let program = program(reads);
        assert_eq!(check(&program), 1);
        let after = promoted(&program);
        let text = after.to_string();
        let inside = text.split("for i0").nth(1).unwrap();
        assert!(!inside.contains("f64x8") && inside.contains(&format!(": {lanes}\n")), "{text}");
        assert!(!inside.split("yield").next().unwrap().contains("load"), "{text}");
    }
}
