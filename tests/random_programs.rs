//! Random programs and their derivatives: the interpreter against every pass and against compiled code.
//!
//! Each seed gives a program (see `support/program.rs`): four in five are made to have a loop, and others happen to. It is
//! printed and parsed, and every seed goes through the following, with respect to all its float parameters:
//!
//! | | what | how |
//! |---|---|---|
//! | order 0 | the program | every pass alone, the pipeline, the compiler, the compiler with one unusual option |
//! | order 1 | `jvp` and `vjp` | the same |
//! | order 2 | `jvp` of `vjp`, `vjp` of `vjp` | the same, but every pass alone for the former and one seed in four |
//!
//! `jvp` of `vjp` holds the cotangents fixed, so it is the product of the Hessian (of the results, weighted) with a vector;
//! `vjp` of `vjp` is by the cotangents too. Unusual options take turns: no fusion, no passes, the baseline of the processor.
//!
//! Whatever is run is interpreted, before and after, and verified. Floats agree within what rounding explains, element by
//! element (see `support/tolerance.rs`); integers and truth values are equal. A quarter of the programs is smooth and in `f64`,
//! and their derivatives are compared with central differences and forward with reverse mode.
//!
//! Every program has a float parameter and both derivatives by construction: a refusal is a failure, so nothing is passed over.
//! How many derivatives are zero throughout, and so show little, is counted and printed with the rest (`--nocapture`).
//!
//! A failure prints the seed and the smallest program found that fails in the same way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use pullback_autodiff::{jvp, vjp};
use pullback_interp::Array;
use pullback_ir::print::{PrintOptions, module_to_string};
use pullback_ir::rewrite::{ValueMap, copy_inst, copy_params};
use pullback_ir::{Builder, DType, Module, Op, Unary, parse_module};
use pullback_optimize::passes::ELIMINATE_DEAD_CODE;
use pullback_optimize::pipeline::ALL;
use pullback_optimize::{Pass, optimize};
use support::differences::{central_difference, inner_products};
use support::inputs::{Mood, array, uniform};
use support::jit::{run_baseline, run_cut, run_jit, run_unfused, run_unoptimized};
use support::program::{Config, random_program, random_program_with_loop};
use support::rng::Rng;
use support::run::{Case, float_params, verified};
use support::shrink::shrink;
use support::tolerance::{Bounds, distance, tight_slack};
use support::work::check_work;

/// Programs of the full run.
const PROGRAMS: u64 = 2500;

/// How many of them have a loop, at least.
const WITH_LOOPS: usize = 2000;

/// The share of elements that have a tight tolerance, by the specification.
const TIGHT: f64 = 0.9;

#[test]
fn a_few_random_programs_agree() {
    run(0..40);
}

#[test]
fn two_thousand_random_programs_with_loops_agree() {
    let counts = run(0..PROGRAMS);
    assert!(counts.with_loops >= WITH_LOOPS, "{counts}");
    assert!(counts.tight as f64 > TIGHT * counts.elements as f64, "few elements had a tight tolerance: {counts}");
    // A derivative is zero where integers, jumps or selection part the results from the parameters.
    assert!(2 * counts.gradients > counts.programs && 4 * counts.curved > counts.programs, "{counts}");
}

/// Programs that shrinking found, for mistakes that are mended. No pass is to simplify them away, so all options are tried.
#[test]
fn programs_that_once_failed_agree() {
    let texts = [
        // A constant without elements has no buffer.
        "func @f() -> f64 {
           %0 = constant [] : f64[2,0]
           %1 = reduce mul %0, axes=[0,1] : f64
           return %1
         }",
        // There are no vectors of two bytes, also behind a reduction.
        "func @f(%x: f64[5]) -> f64[5] {
           %0 = reduce mul %x, axes=[] : f64[5]
           %1 = convert %0 : u8[5]
           %2 = convert %1 : f64[5]
           return %2
         }",
        // Without AVX, the operand of a comparison was read from memory that is not aligned to a vector.
        "func @f(%x: f32[9]) -> bool[8] {
           %0 = slice %x, start=[0], limit=[8] : f32[8]
           %1 = slice %x, start=[1], limit=[9] : f32[8]
           %2 = compare eq %0, %1 : bool[8]
           return %2
         }",
    ];
    for text in texts {
        let module = verified(parse_module(text).unwrap_or_else(|errors| panic!("{errors}\n{text}")));
        let func = module.find("f").unwrap();
        let rng = &mut Rng::new(1);
        let inputs = module.function(func).param_types().map(|ty| array(rng, ty, Mood::Tame)).collect();
        let case = Case { module, func, inputs };
        for options in 0..3 {
            let outcome = check_case(options, &case, "program", ALL, &mut Counts::default());
            assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
        }
    }
}

/// Programs with sums and products that are infinite in one order of accumulation and not in another.
#[test]
fn programs_that_overflow_in_some_order_agree() {
    for seed in [3855, 4375] {
        let outcome = check_seed(seed, &random_program(seed, &config(seed)));
        assert!(outcome.is_ok(), "seed {seed}: {}", outcome.err().unwrap_or_default());
    }
}

/// For a change that touches much: `cargo test --release --test random_programs -- --ignored`.
#[test]
#[ignore = "takes minutes"]
fn ten_thousand_further_random_programs_agree() {
    run(PROGRAMS..PROGRAMS + 10_000);
}

/// The comparison is worth something only if it finds a wrong result, and shrinking only if it says where.
///
/// A wrong operation is planted, and the compiled program compared as ever. Whether the mistake reaches a result is for
/// the interpreter to say: some element changes by more than the fixed distance that counts as tight. Not all of these need be found,
/// since an element's tolerance may be wider than that; but it is so for one element in ten at most, which
/// [`two_thousand_random_programs_with_loops_agree`] requires, so nine in ten are found.
#[test]
fn a_wrong_operation_is_found_and_isolated() {
    let (mut changed, mut affected, mut found, mut shrunk) = (0, 0, 0, 0);
    for seed in 0..400 {
        let case = program(seed).inlined();
        let (expected, planted) = (case.interpret(), with_wrong_sine(&case));
        let results = planted.interpret();
        let elements = |arrays: &[Array]| arrays.iter().flat_map(|array| array.elements.iter()).collect::<Vec<_>>();
        let pairs: Vec<_> = elements(&expected).into_iter().zip(elements(&results)).collect();
        changed += usize::from(pairs.iter().any(|&(e, x)| distance(e, x) > 0.0));
        if !pairs.iter().any(|&(e, x)| distance(e, x) > tight_slack(e)) {
            continue;
        }
        affected += 1;
        let wrong = |case: &Case| run_jit(&with_wrong_sine(case)).and_then(|results| Bounds::of(case).check(&results));
        let Err(message) = wrong(&case) else { continue };
        found += 1;
        if shrunk < 20 {
            shrunk += 1;
            let small = shrink(case, &|case| wrong(case).is_err());
            let ops: Vec<&str> = small.function().insts().iter().map(|&i| small.function().op(i).name()).collect();
            assert!(ops.contains(&"sin") && ops.len() <= 2, "seed {seed}: {message}\n{}", small.text());
        }
    }
    println!("{changed} programs changed, {affected} by more than what is tight, {found} of these found");
    assert!(found as f64 >= TIGHT * affected as f64 && affected >= 50, "found in {found} of {affected} programs");
}

/// The case with the hyperbolic tangent in the place of every sine outside regions.
fn with_wrong_sine(case: &Case) -> Case {
    let function = case.function();
    let module = Module::new();
    let b = Builder::new(&module, &function.name);
    let mut map = ValueMap::new();
    copy_params(&b, function, &mut map);
    for &inst in function.insts() {
        if *function.op(inst) == Op::Unary(Unary::Sin) {
            let x = map.expect_all(&b, function.args(inst))[0];
            map.insert(function.inst_results(inst)[0], b.tanh(x));
        } else {
            copy_inst(&b, function, inst, &mut map);
        }
    }
    let results = map.expect_all(&b, function.results());
    Case::of(b.finish(&results).unwrap(), case.inputs.clone())
}

/// The operations that random programs have not: it has no value.
const NOT_GENERATED: [&str; 1] = ["transpose_rule"];

#[test]
fn random_programs_have_every_operation_and_element_type() {
    let mut uses: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut depth = 0;
    for seed in 0..PROGRAMS {
        let case = program(seed);
        for (_, function) in case.module.functions() {
            depth = depth.max(function.region_depth());
            for inst in function.all_insts() {
                // What a comparison or an extremum is of, counts.
                let values = function.args(inst).iter().chain(function.inst_results(inst));
                let dtypes: BTreeSet<&str> = values.map(|&value| function.ty(value).dtype.name()).collect();
                for dtype in dtypes {
                    *uses.entry((function.op(inst).name(), dtype)).or_default() += 1;
                }
            }
        }
    }
    assert!(depth > 1, "loops are not nested");
    for row in pullback_ir::op::table() {
        if NOT_GENERATED.contains(&row.name) {
            continue;
        }
        for dtype in DType::ALL {
            // Random bits are made of and for `i32` and `i64`.
            let possible = row.name != "random_bits" || matches!(dtype, DType::I32 | DType::I64);
            if possible && row.domain.contains(dtype) {
                let count = uses.get(&(row.name, dtype.name())).copied().unwrap_or(0);
                assert!(count >= 4, "{} {dtype}: {count} uses", row.name);
            }
        }
    }
}

/// The program of a seed.
fn program(seed: u64) -> Case {
    if seed % 5 == 4 { random_program(seed, &config(seed)) } else { random_program_with_loop(seed, &config(seed)) }
}

/// What kind of program a seed gives.
fn config(seed: u64) -> Config {
    let config = small_config(seed);
    // Few programs have many elements: they reach blocked sums, unrolled loops, packed products and what is left of vectors.
    if seed % 10 == 5 { Config { steps: config.steps.min(8), max_elements: 20_000, ..config } } else { config }
}

fn small_config(seed: u64) -> Config {
    let both: &[DType] = &[DType::F32, DType::F64];
    let base = Config { steps: 12, max_elements: 200, differentiable: true, floats: both, mood: Mood::Tame };
    let steps = 4 + (seed as usize * 7) % 24;
    match seed % 4 {
        0 => Config { floats: &[DType::F64], steps, ..base },
        1 => Config { steps, ..base },
        2 => Config { differentiable: false, steps, ..base },
        _ => {
            let mood = if seed % 8 == 3 { Mood::Wide } else { Mood::Special };
            Config { differentiable: false, mood, steps: steps / 2 + 2, ..base }
        }
    }
}

/// What a run has covered.
#[derive(Default)]
struct Counts {
    programs: usize,
    /// Programs in which a loop runs and is used.
    with_loops: usize,
    /// Programs with a gradient that is not zero throughout.
    gradients: usize,
    /// Programs with a product of the Hessian and a vector that is not zero throughout.
    curved: usize,
    /// Elements with a tight tolerance, of all orders.
    tight: usize,
    /// Elements compared, of all orders.
    elements: usize,
}

impl Counts {
    fn add(&mut self, other: &Self) {
        self.programs += other.programs;
        self.with_loops += other.with_loops;
        self.gradients += other.gradients;
        self.curved += other.curved;
        self.tight += other.tight;
        self.elements += other.elements;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { programs, with_loops, gradients, curved, tight, elements } = self;
        write!(f, "{programs} programs, {with_loops} with loops; ")?;
        write!(f, "the first derivative is not zero in {gradients}, the second in {curved}; ")?;
        write!(f, "{tight} of {elements} elements compared tightly")
    }
}

/// Checks the programs of these seeds on all cores.
fn run(seeds: std::ops::Range<u64>) -> Counts {
    let next = AtomicU64::new(seeds.start);
    let total = Mutex::new(Counts::default());
    let failures = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end || failures.lock().unwrap().len() >= 5 {
                        break;
                    }
                    match std::panic::catch_unwind(|| check_seed(seed, &program(seed))) {
                        Ok(Ok(counts)) => total.lock().unwrap().add(&counts),
                        Ok(Err(failure)) => failures.lock().unwrap().push(format!("seed {seed}: {failure}")),
                        Err(_) => failures.lock().unwrap().push(format!("seed {seed}: a panic, see above")),
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    let total = total.into_inner().unwrap();
    println!("{total}");
    total
}

/// Checks a program and its derivatives: see the head of this file.
fn check_seed(seed: u64, case: &Case) -> Result<Counts, String> {
    let config = config(seed);
    check_round_trip(case)?;
    let mut counts = Counts { programs: 1, with_loops: usize::from(has_loop(case)), ..Counts::default() };
    let mut check = |case: &Case, what: &str, passes: &[&Pass]| check_case(seed, case, what, passes, &mut counts);
    check(case, "program", ALL)?;
    let rng = &mut Rng::new(!seed);
    let wrt = float_params(case.function());
    let reverse = derivative(case, Mode::Reverse, &wrt, config.mood, rng)?;
    let gradients = check(&reverse, "vjp", ALL)?;
    let forward = derivative(case, Mode::Forward, &wrt, config.mood, rng)?;
    check(&forward, "jvp", ALL)?;
    let product = derivative(&reverse, Mode::Forward, &wrt, config.mood, rng)?;
    let products = check(&product, "jvp of vjp", if seed.is_multiple_of(4) { ALL } else { &[] })?;
    let twice = derivative(&reverse, Mode::Reverse, &float_params(reverse.function()), config.mood, rng)?;
    check(&twice, "vjp of vjp", &[])?;
    if config.differentiable && config.floats == [DType::F64] {
        check_derivatives(case, rng)?;
    }
    // The derivatives by the parameters are the last results.
    let some = |results: &[Array]| {
        let last = &results[results.len() - wrt.len()..];
        usize::from(last.iter().any(|array| array.to_f64().iter().any(|&x| x != 0.0)))
    };
    (counts.gradients, counts.curved) = (some(&gradients), some(&products));
    Ok(counts)
}

/// Whether the results depend on a loop that iterates.
fn has_loop(case: &Case) -> bool {
    let case = case.inlined();
    let live = (ELIMINATE_DEAD_CODE.run)(&case.module, case.function()).unwrap().into_owned();
    live.all_insts().iter().any(|&inst| match live.op(inst) {
        Op::Scan(spec) => spec.length > 0,
        Op::While(spec) => spec.bound != Some(0),
        _ => false,
    })
}

#[derive(Clone, Copy)]
enum Mode {
    Forward,
    Reverse,
}

/// The derivative of a case with respect to some parameters, with random tangents or cotangents.
fn derivative(case: &Case, mode: Mode, wrt: &[usize], mood: Mood, rng: &mut Rng) -> Result<Case, String> {
    let function = match mode {
        Mode::Forward => jvp(&case.module, case.func, wrt),
        Mode::Reverse => vjp(&case.module, case.func, wrt),
    };
    let function = function.map_err(|error| format!("{error}\n{}", case.text()))?;
    let extra: Vec<_> = function.param_types().skip(case.inputs.len()).cloned().collect();
    let mut inputs = case.inputs.clone();
    inputs.extend(extra.iter().map(|ty| array(rng, ty, mood)));
    Ok(case.with(function, inputs))
}

/// Printing and parsing gives the same text, and the same results.
fn check_round_trip(case: &Case) -> Result<(), String> {
    let text = case.text();
    let parsed = parse_module(&text).map_err(|errors| format!("{errors}\n{text}"))?;
    let again = module_to_string(&parsed, PrintOptions::default());
    if again == text { Ok(()) } else { Err(format!("the text does not round-trip:\n{text}\nbecame\n{again}")) }
}

/// A way to run a case other than interpreting it.
type Route<'a> = (String, &'a (dyn Fn(&Case) -> Result<Vec<Array>, String> + Sync));

/// Compares the ways to run a case, these passes alone among them; gives the interpreter's results.
fn check_case(seed: u64, case: &Case, what: &str, passes: &[&Pass], counts: &mut Counts) -> Result<Vec<Array>, String> {
    let inlined = case.inlined();
    let bounds = Bounds::of(&inlined);
    counts.tight += bounds.tight;
    counts.elements += bounds.elements;
    let compare = |case: &Case, found: Result<Vec<Array>, String>, route: &str, run: &Route<'_>| {
        let message = match found.and_then(|found| bounds.check(&found)) {
            Ok(()) => return Ok(()),
            Err(message) => message,
        };
        Err(format!("{what} by {route}: {message}\n{}", smallest(case, &run.1)))
    };
    check_optimized_work(case).map_err(|message| format!("{what}: {message}"))?;
    for &pass in passes {
        let run = |case: &Case| run_pass(case, pass);
        compare(case, run(case), pass.name, &(pass.name.to_owned(), &run))?;
    }
    // Each compilation takes milliseconds, so that the options other than the usual ones take turns.
    let unusual: [Route<'_>; 4] = [
        ("compiler with the smallest tiles".into(), &run_cut),
        ("compiler without fusion".into(), &run_unfused),
        ("compiler without passes".into(), &run_unoptimized),
        ("compiler for any processor".into(), &run_baseline),
    ];
    let routes: [Route<'_>; 2] = [("pipeline".into(), &run_pipeline), ("compiler".into(), &run_jit)];
    for route in routes.iter().chain(&unusual[seed as usize % 4..][..1]) {
        compare(case, (route.1)(case), &route.0, route)?;
    }
    Ok(bounds.expected)
}

/// The text of the smallest case that a route gets wrong.
fn smallest(case: &Case, run: &dyn Fn(&Case) -> Result<Vec<Array>, String>) -> String {
    let wrong = |case: &Case| {
        let bounds = Bounds::of(case);
        run(case).and_then(|found| bounds.check(&found)).err()
    };
    let inlined = case.inlined();
    if wrong(&inlined).is_none() {
        return format!("{}\nfails with calls alone", describe(case));
    }
    let small = shrink(inlined, &|case| wrong(case).is_some());
    format!("smallest: {}\n{}", wrong(&small).unwrap_or_default(), describe(&small))
}

/// Fusion adds little work to what is compiled.
fn check_optimized_work(case: &Case) -> Result<(), String> {
    let optimized = |case: &Case| {
        let module = optimize(&case.module, case.func).map_err(|error| error.to_string())?.module;
        Ok::<_, String>(Case { module, func: case.func, inputs: case.inputs.clone() }.inlined())
    };
    let case = optimized(case)?;
    let Err(message) = check_work(case.function()) else { return Ok(()) };
    let small = shrink(case, &|case| check_work(case.function()).is_err());
    let again = check_work(small.function()).err().unwrap_or_default();
    Err(format!("{message}\nsmallest: {again}\n{}", small.text()))
}

fn describe(case: &Case) -> String {
    let inputs: Vec<String> = case.inputs.iter().map(|input| format!("{} = {input}", input.ty())).collect();
    format!("{}\ninputs:\n{}", case.text(), inputs.join("\n"))
}

/// Programs whose values are needed at more positions than they have, and their gradients with respect to all floats.
#[test]
fn gradients_of_networks_do_little_more_work_fused() {
    let normalisation = |axis: usize| {
        let (kept, count, other) = if axis == 0 { (24, 120.0, 1) } else { (120, 24.0, 0) };
        let fraction = 1.0 / count;
        format!(
            "func @f(%x: f32[120,24], %scale: f32[24], %w: f32[120,24]) -> f32 {{
               %n = constant {fraction} : f32[{kept}]
               %sum = reduce add %x, axes=[{axis}] : f32[{kept}]
               %mean = mul %sum, %n : f32[{kept}]
               %means = broadcast %mean, dims=[{other}] : f32[120,24]
               %d = sub %x, %means : f32[120,24]
               %dd = mul %d, %d : f32[120,24]
               %squares = reduce add %dd, axes=[{axis}] : f32[{kept}]
               %variance = mul %squares, %n : f32[{kept}]
               %inverse = rsqrt %variance : f32[{kept}]
               %inverses = broadcast %inverse, dims=[{other}] : f32[120,24]
               %h = mul %d, %inverses : f32[120,24]
               %scales = broadcast %scale, dims=[1] : f32[120,24]
               %y = mul %h, %scales : f32[120,24]
               %yw = mul %y, %w : f32[120,24]
               %loss = reduce add %yw, axes=[0,1] : f32
               return %loss
             }}"
        )
    };
    let softmax = |axis: usize| {
        let (kept, other) = if axis == 0 { (24, 1) } else { (120, 0) };
        format!(
            "func @f(%x: f32[120,24], %w: f32[120,24]) -> f32 {{
               %m = reduce max %x, axes=[{axis}] : f32[{kept}]
               %ms = broadcast %m, dims=[{other}] : f32[120,24]
               %d = sub %x, %ms : f32[120,24]
               %e = exp %d : f32[120,24]
               %s = reduce add %e, axes=[{axis}] : f32[{kept}]
               %ss = broadcast %s, dims=[{other}] : f32[120,24]
               %y = div %e, %ss : f32[120,24]
               %yw = mul %y, %w : f32[120,24]
               %loss = reduce add %yw, axes=[0,1] : f32
               return %loss
             }}"
        )
    };
    let digits = include_str!("../examples/digits/loss.pir");
    let programs = [digits.into(), normalisation(0), normalisation(1), softmax(0), softmax(1)];
    for text in &programs {
        let module = verified(parse_module(text).unwrap_or_else(|errors| panic!("{errors}\n{text}")));
        let func = module.functions().last().unwrap().0;
        let case = Case { module, func, inputs: Vec::new() };
        let wrt = float_params(case.function());
        let gradient = case.with(pullback_autodiff::value_and_grad(&case.module, func, &wrt).unwrap(), Vec::new());
        for case in [case, gradient] {
            let module = optimize(&case.module, case.func).unwrap().module;
            let optimized = Case { module, ..case }.inlined();
            check_work(optimized.function()).unwrap_or_else(|message| panic!("{message}\n{}", optimized.text()));
        }
    }
}

fn run_pass(case: &Case, pass: &Pass) -> Result<Vec<Array>, String> {
    let function = (pass.run)(&case.module, case.function()).map_err(|error| error.to_string())?;
    let mut module = (*case.module).clone();
    module.replace(case.func, function.into_owned());
    let module = pullback_ir::verify(module).map_err(|errors| errors.to_string())?;
    pullback_interp::evaluate(&module, case.func, &case.inputs).map_err(|error| error.to_string())
}

fn run_pipeline(case: &Case) -> Result<Vec<Array>, String> {
    let optimized = optimize(&case.module, case.func).map_err(|error| error.to_string())?;
    pullback_interp::evaluate(&optimized.module, case.func, &case.inputs).map_err(|error| error.to_string())
}

/// Forward mode against central differences, and reverse against forward mode.
fn check_derivatives(case: &Case, rng: &mut Rng) -> Result<(), String> {
    let wrt = float_params(case.function());
    let directions: Vec<Array> =
        wrt.iter().map(|&position| uniform(rng, &case.inputs[position].ty(), -1.0, 1.0)).collect();
    central_difference(case, &wrt, &directions, 1e-5)?;
    inner_products(case, &wrt, &directions, rng, 1e-9)
}
