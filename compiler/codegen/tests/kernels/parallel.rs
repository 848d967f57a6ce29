//! Parallel loops: the bits of the interpreter for any number of threads, and memory of its own for each.

use pullback_codegen::{Compiled, Features, Options, compile};
use pullback_ir::Elements;
use pullback_loops::{Program, Verified, interpret};
use pullback_runtime::{ArgRef, Tensor};

use super::support::{FEATURES, program, signature};

/// The numbers of threads that programs are compiled for.
const THREADS: [usize; 4] = [1, 2, 3, 0];

fn compiled(program: &Verified<Program>, features: Features, threads: usize) -> Compiled {
    let options = Options { features, threads, verify: true, clif: true, ..Options::default() };
    compile(program, signature(program), &options).unwrap_or_else(|error| panic!("{error}\n{}", **program))
}

fn bits(found: &[Tensor]) -> Vec<Vec<u32>> {
    found.iter().map(|tensor| tensor.as_slice::<f32>().unwrap().iter().map(|x| x.to_bits()).collect()).collect()
}

/// Results of `f32` are those of the interpreter bit for bit, for any number of threads, call after call.
fn check(text: &str, inputs: &[Vec<f32>]) {
    let program = program(text);
    let elements: Vec<Elements> = inputs.iter().map(|input| Elements::F32(input.clone())).collect();
    let expected = interpret(&program, &elements).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let expected: Vec<Vec<u32>> =
        expected.iter().map(|result| result.iter().map(|x| x.bits() as u32).collect()).collect();
    let arguments: Vec<ArgRef<'_>> = inputs.iter().map(|input| ArgRef::from(&input[..])).collect();
    for (features, threads) in FEATURES.into_iter().flat_map(|features| THREADS.map(|threads| (features, threads))) {
        let executable = compiled(&program, features, threads).executable;
        for _ in 0..20 {
            assert_eq!(bits(&executable.run(&arguments).unwrap()), expected, "{threads} threads\n{text}");
        }
    }
}

fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|i| ((i * 37 + 11) % 101) as f32 / 7.0 - 6.0).collect()
}

/// Statements of `value` variables from `first` on that no kernel is emitted in place with; the last one is a function of `v{of}`.
fn long(of: usize, first: usize, count: usize) -> String {
    let mut text = format!("v{first} = mul v{of}, v{of} : f32\n");
    for number in first + 1..first + count {
        text.push_str(&format!("v{number} = {} v{}, v{of} : f32\n", ["add", "sub"][number % 2], number - 1));
    }
    text
}

/// Each row less its sum of squares, by way of a tile of the worker's own; kernels small and long, a parallel loop inside.
fn rows(rows: usize) -> String {
    format!(
        "program @f {{
           buffer %x : f32[{}] input 0 buffer %y : f32[{}] output 0 buffer %z : f32[{}] output 1
           buffer %tile : f32[4] local 0 buffer %sum : f32[1] local 64 arena 0 local 128
           parallel loop i0 = 0 to {rows} {{
             kernel @tile \"\" {{
               v0 = load %x[4*i0] : f32x4
               v1 = mul v0, v0 : f32x4
               store %tile[0], v1
               v2 = reduce_lanes add v1 : f32
               store %sum[0], v2
             }}
             parallel loop i1 = 0 to 4 {{
               kernel @y \"\" {{
                 v3 = load %tile[i1] : f32
                 v4 = load %sum[0] : f32
                 v5 = sub v3, v4 : f32
                 store %y[4*i0 + i1], v5
               }}
               kernel @z \"\" {{
                 v6 = load %tile[-i1 + 3] : f32
                 {}
                 store %z[4*i0 + i1], v76
               }}
             }}
           }}
         }}",
        4 * rows,
        4 * rows,
        4 * rows,
        long(6, 7, 70)
    )
}

#[test]
fn any_number_of_threads_gives_the_interpreters_bits() {
    for count in [1, 2, 3, 5, 64, 257] {
        check(&rows(count), &[numbers(4 * count)]);
    }
}

#[test]
fn counters_around_a_parallel_loop_reach_its_kernels() {
    // Twice around, beside a counter inside; by a kernel in place and by a function; in a loop that ends by a condition, and in a case.
    let text = format!(
        "program @f {{
           buffer %x : f32[120] input 0 buffer %y : f32[120] output 0 buffer %z : f32[120] output 1
           buffer %n : i32[1] arena 0 buffer %go : bool[1] arena 64
           buffer %half : f32[1] local 0 buffer %more : f32[2] local 64 arena 128 local 128
           kernel @n \"\" {{
             v0 = const 0 : i32 v1 = const 0.0 : f32
             store %n[0], v0
             for i10 = 0 to 120 step 1 {{ store %y[i10], v1 store %z[i10], v1 }}
           }}
           while bound 2 {{
             condition %go[0] {{ kernel @go \"\" {{ v2 = const true : bool store %go[0], v2 }} }}
             body {{
               loop i0 = 0 to 2 {{
                 loop i1 = 0 to 3 {{
                   parallel loop i2 = 0 to 5 {{
                     kernel @half \"\" {{
                       v3 = load %x[60*i0 + 20*i1 + 4*i2] : f32 v4 = const 0.5 : f32 v5 = mul v3, v4 : f32 store %half[0], v5
                     }}
                     loop i3 = 0 to 4 {{
                       kernel @small \"\" {{
                         v6 = load %y[60*i0 + 20*i1 + 4*i2 + i3] : f32 v7 = load %half[0] : f32 v8 = add v6, v7 : f32
                         v9 = position i3 : f32 v10 = add v8, v9 : f32
                         store %y[60*i0 + 20*i1 + 4*i2 + i3], v10
                       }}
                       branch %n[0] {{
                         case {{ kernel @long \"\" {{
                           v20 = load %x[60*i0 + 20*i1 + 4*i2 + i3] : f32 {} store %z[60*i0 + 20*i1 + 4*i2 + i3], v90
                         }} }}
                         case {{ kernel @none \"\" {{ v91 = const 7.0 : f32 store %more[1], v91 }} }}
                       }}
                     }}
                   }}
                 }}
               }}
               kernel @next \"\" {{ v92 = const 1 : i32 store %n[0], v92 }}
             }}
           }}
         }}",
        long(20, 21, 70)
    );
    check(&text, &[numbers(120)]);
}

#[test]
fn workers_do_not_see_each_others_memory() {
    // Long enough that iterations overlap: a tile filled with the iteration's number, passed over many times, and summed.
    let text = "program @f {
      buffer %x : f32[48] input 0 buffer %y : f32[48] output 0
      buffer %tile : f32[1024] local 0 buffer %other : f32[1024] local 4096 arena 0 local 8192
      parallel loop i0 = 0 to 48 {
        kernel @fill \"\" {
          v0 = load %x[i0] : f32
          for i1 = 0 to 1024 step 1 { store %tile[i1], v0 store %other[i1], v0 }
        }
        kernel @sum \"\" {
          v1 = const 0.0 : f32
          v7 = for i2 = 0 to 20 step 1 carry (v2 = v1 : f32) {
            v6 = for i3 = 0 to 1024 step 1 carry (v3 = v2 : f32) {
              v4 = load %tile[i3] : f32 v8 = load %other[i3] : f32 v9 = sub v4, v8 : f32 v10 = load %x[i0] : f32
              v11 = sub v4, v10 : f32 v12 = add v9, v11 : f32 v5 = add v3, v12 : f32
              yield v5
            }
            yield v6
          }
          v13 = load %tile[5] : f32
          v14 = add v7, v13 : f32
          store %y[i0], v14
        }
      }
    }";
    check(text, &[numbers(48)]);
    // No iteration saw another number than its own.
    let x = numbers(48);
    let executable = compiled(&program(text), Features::Native, 3).executable;
    assert_eq!(executable.run(&[ArgRef::from(&x[..])]).unwrap()[0].as_slice::<f32>().unwrap(), x);
}

#[test]
fn the_arena_has_memory_for_as_many_workers_as_there_can_be() {
    let bytes = |text: &str, threads| compiled(&program(text), Features::Native, threads).executable.arena_bytes();
    // 128 bytes each; no more workers than iterations.
    assert_eq!([1, 2, 3, 7, 100].map(|threads| bytes(&rows(7), threads)), [128, 256, 384, 896, 896]);
    assert_eq!(bytes(&rows(7).replace("parallel loop i1", "loop i1"), 3), 384);
    // Behind the arena, from the next cache line on; a part is whole cache lines.
    assert_eq!(bytes(&rows(7).replace("arena 0 local 128", "arena 72 local 130"), 3), 128 + 3 * 192);
    // Without local buffers as it was.
    let text = "program @f { buffer %y : f32[8] output 0 buffer %t : f32[8] arena 64 arena 100
      parallel loop i0 = 0 to 8 { kernel @k \"\" { v0 = const 1.0 : f32 store %t[i0], v0 v1 = load %t[i0] : f32 store %y[i0], v1 } } }";
    assert_eq!(bytes(text, 3), 100);
    check(text, &[]);
    // Too much for any machine.
    let huge = program(&rows(7).replace("arena 0 local 128", "arena 0 local 4611686018427387904"));
    let options = Options { threads: 3, ..Options::default() };
    let error = compile(&huge, signature(&huge), &options).unwrap_err().to_string();
    assert!(error.contains("an arena for 3 workers is larger than any address space"), "{error}");
}

#[test]
fn one_worker_is_called_without_the_pool() {
    let forks =
        |text: &str, threads| compiled(&program(text), Features::Native, threads).clif.unwrap().contains("func_addr");
    assert!(forks(&rows(2), 2));
    assert!(!forks(&rows(2), 1) && !forks(&rows(1), 3));
    // And no iterations not at all.
    let text =
        "program @f { buffer %y : f32[4] output 0 buffer %o : i32[1] arena 0 buffer %s : i64[1] arena 64 arena 128
      kernel @y \"\" { v0 = const 1.0 : f32 for i1 = 0 to 4 step 1 { store %y[i1], v0 } }
      parallel loop i0 = 0 to 0 { kernel @k \"\" { v1 = const 2.0 : f32 store %y[i0], v1 } }
      loop i3 = 0 to 0 { kernel @order \"\" { call argsort %o[i3; 1 by 1], %s[i3; 1 by 1], %y[i3; 1 by 1] } }
      parallel loop i2 = 0 to 3 { }
    }";
    check(text, &[]);
}

/// Row blocks of a matrix product, one per iteration.
fn products(blocks: usize, [m, n, k]: [usize; 3]) -> String {
    format!(
        "program @f {{ buffer %a : f32[{}] input 0 buffer %b : f32[{}] input 1 buffer %y : f32[{}] output 0
           buffer %t : f32[{}] local 0 arena 0 local {}
           parallel loop i0 = 0 to {blocks} {{
             kernel @product \"\" {{
               gemm f32 {m}x{n}x{k} %t[0; {n}, 1] = %a[{}*i0; {k}, 1] * %b[0; {n}, 1]
               for i1 = 0 to {} step 4 {{ v0 = load %t[i1] : f32x4 v1 = add v0, v0 : f32x4 store %y[{}*i0 + i1], v1 }}
             }}
           }} }}",
        blocks * m * k,
        k * n,
        blocks * m * n,
        m * n,
        (4 * m * n).next_multiple_of(64),
        m * k,
        m * n,
        m * n,
    )
}

#[test]
fn products_in_a_parallel_loop_run_on_one_thread_each() {
    // Small enough for the pool not to be asked, and large enough.
    for (blocks, shape) in [(5, [3, 8, 4]), (4, [128, 256, 128])] {
        let [m, n, k] = shape;
        let program = program(&products(blocks, shape));
        let (a, b) = (numbers(blocks * m * k), numbers(k * n));
        let arguments = [ArgRef::from(&a[..]), ArgRef::from(&b[..])];
        let mut texts = Vec::new();
        let mut results = Vec::new();
        for threads in THREADS {
            let compiled = compiled(&program, Features::Native, threads);
            let clif = compiled.clif.unwrap();
            texts.push(clif.split("; parallel:0").next().unwrap().to_owned());
            results.push(bits(&compiled.executable.run(&arguments).unwrap()));
        }
        // The kernel does not depend on the number of threads: it asks for one.
        assert!(texts[0].contains("; product\n") && texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        assert!(results.iter().all(|found| *found == results[0]));
        for (at, found) in results[0][0].iter().enumerate().step_by(97) {
            let sum: f64 = (0..k).map(|i| f64::from(a[at / n * k + i]) * f64::from(b[i * n + at % n])).sum();
            let found = f64::from(f32::from_bits(*found));
            assert!((found - 2.0 * sum).abs() <= 1e-2 * sum.abs().max(1.0), "{found}, expected {}", 2.0 * sum);
        }
    }
}

#[test]
fn sorts_in_a_parallel_loop_have_scratch_memory_of_their_own() {
    let text = "program @f { buffer %x : f32[400] input 0 buffer %o : i32[400] output 0 buffer %s : i64[20] local 0 arena 0 local 192
      parallel loop i0 = 0 to 20 { kernel @sort \"\" { call argsort %o[20*i0; 20 by 1], %s[0; 20 by 1], %x[20*i0; 20 by 1] } } }";
    let (program, x) = (program(text), numbers(400));
    let expected = interpret(&program, &[Elements::F32(x.clone())]).unwrap();
    for threads in THREADS {
        let found = compiled(&program, Features::Native, threads).executable.run(&[ArgRef::from(&x[..])]).unwrap();
        assert_eq!(Elements::I32(found[0].as_slice::<i32>().unwrap().to_vec()), expected[0]);
    }
}

#[test]
fn callers_at_the_same_time_get_the_same_bits() {
    let (program, x) = (program(&rows(64)), numbers(256));
    let expected = interpret(&program, &[Elements::F32(x.clone())]).unwrap();
    let expected: Vec<Vec<u32>> =
        expected.iter().map(|result| result.iter().map(|x| x.bits() as u32).collect()).collect();
    let executable = compiled(&program, Features::Native, 3).executable;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..50 {
                    assert_eq!(bits(&executable.run(&[ArgRef::from(&x[..])]).unwrap()), expected);
                }
            });
        }
    });
}

#[test]
fn functions_are_named_after_the_loop() {
    let compiled = compiled(&program(&rows(4)), Features::Native, 2);
    let names: Vec<&str> = compiled.timings.kernels.iter().map(|kernel| &*kernel.name).collect();
    assert_eq!(names, ["z", "parallel:0", "f"]);
    assert!(compiled.clif.unwrap().contains("; parallel:0\n;   iterations that run tile, y, z\n"));
}
