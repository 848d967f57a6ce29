//! Every stage of a compilation can be printed, and what has a parser reads back in and still computes the same.
//!
//! The subject is the loss of the digits example and its gradient.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use pullback::interp::Array;
use pullback::ir::{DType, FuncId, Module, Shape, Verified};
use pullback::{
    Features, Fusion, Options, Stage, compile, compile_with_report, dump, memory_report, parse_module, run_arrays,
    verify,
};

const LOSS: &str = include_str!("../examples/digits/loss.pir");

fn loss() -> (Verified<Module>, FuncId) {
    let module = verify(parse_module(LOSS).unwrap()).unwrap();
    let func = module.find("loss").unwrap();
    (module, func)
}

fn gradient() -> Options {
    Options::new().value_and_grad(["w1", "b1", "w2", "b2", "w3", "b3"])
}

/// Images between 0 and 1, labels from 0 to 9, parameters around 0; no two alike.
fn inputs(module: &Verified<Module>, func: FuncId) -> Vec<Array> {
    let mut state = 1u32;
    let mut next = move || {
        // The linear congruential generator of Numerical Recipes.
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let mut array = |dtype: DType, shape: &Shape| {
        let extents = shape.extents();
        match dtype {
            DType::I32 => {
                let labels: Vec<i32> = (0..shape.elements()).map(|_| (next() % 10) as i32).collect();
                Array::from_slice(&extents, &labels).unwrap()
            }
            _ => {
                let numbers: Vec<f32> = (0..shape.elements()).map(|_| next() as f32 / (1 << 24) as f32 - 0.4).collect();
                Array::from_slice(&extents, &numbers).unwrap()
            }
        }
    };
    module.function(func).param_types().map(|ty| array(ty.dtype, &ty.shape)).collect()
}

/// The largest distance relative to the largest number, over all results.
fn distance(found: &[Array], expected: &[Array]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let pair = |(found, expected): (&Array, &Array)| {
        assert_eq!(found.ty(), expected.ty());
        let (found, expected) = (found.to_f64(), expected.to_f64());
        let scale = expected.iter().fold(1e-30f64, |scale, x| scale.max(x.abs()));
        found.iter().zip(&expected).map(|(x, y)| (x - y).abs() / scale).fold(0.0, f64::max)
    };
    found.iter().zip(expected).map(pair).fold(0.0, f64::max)
}

/// Rounding in another order moves single-precision sums of 64 terms by about this much.
const TOLERANCE: f64 = 1e-5;

/// How many lines of a text hold `part`.
fn count(text: &str, part: &str) -> usize {
    text.lines().filter(|line| line.contains(part)).count()
}

/// The functions that a listing is headed by: their names stand in comments at the start of a line.
fn headings(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("; ")).filter(|name| !name.starts_with(' ')).collect()
}

/// A stage of the gradient, and of the loss itself.
fn both(stage: Stage) -> (String, String) {
    let (module, func) = loss();
    let text = |options| dump(&module, func, &options, stage).unwrap();
    (text(gradient()), text(Options::new()))
}

#[test]
fn the_adjoint_holds_the_loss_and_the_cotangents_of_what_is_differentiated_by() {
    let (module, func) = loss();
    let (tensor, plain) = both(Stage::Tensor);
    let (adjoint, unchanged) = both(Stage::Adjoint);
    assert_eq!([&plain, &unchanged], [&tensor; 2]);
    // Three layers; going back, one product for each weight and one for the input of each layer but the first.
    assert_eq!((count(&tensor, " = dot "), count(&adjoint, " = dot ")), (3, 3 + 3 + 2));
    for name in ["w1", "b1", "w2", "b2", "w3", "b3"] {
        assert_eq!(count(&adjoint, &format!("%{name}_ct = ")), 1, "{name}:\n{adjoint}");
    }
    assert_eq!(count(&adjoint, "%images_ct"), 0);
    let derived = verify(parse_module(&adjoint).unwrap()).unwrap();
    let (_, derived) = derived.functions().next().unwrap();
    let source = module.function(func);
    let expected: Vec<_> = source.result_types().chain(source.param_types().skip(2)).collect();
    assert_eq!(derived.result_types().collect::<Vec<_>>(), expected);
}

#[test]
fn optimisation_keeps_the_products_and_drops_instructions() {
    for (adjoint, optimized, fused, products) in [
        (both(Stage::Adjoint).0, both(Stage::Optimized).0, both(Stage::Fused).0, 8),
        (both(Stage::Adjoint).1, both(Stage::Optimized).1, both(Stage::Fused).1, 3),
    ] {
        assert_eq!((count(&optimized, " = dot "), count(&fused, " = dot ")), (products, products));
        assert!(count(&optimized, " = ") < count(&adjoint, " = "), "{optimized}");
        // Fusion orders the instructions by region and changes none.
        assert_eq!(count(&fused, " = "), count(&optimized, " = "));
    }
}

#[test]
fn regions_become_kernels_and_a_kernel_is_a_function_of_machine_code() {
    let (module, func) = loss();
    for options in [Options::new(), gradient()] {
        let options = Options { features: Features::Vectors128, ..options };
        let text = |stage| dump(&module, func, &options, stage).unwrap();
        let (fused, loops, clif, asm) = (text(Stage::Fused), text(Stage::Loops), text(Stage::Clif), text(Stage::Asm));
        let regions = (0..).take_while(|region| fused.contains(&format!("; region {region}:"))).count();
        assert_eq!(count(&fused, "; region "), regions);
        let kernels: Vec<&str> =
            loops.lines().filter_map(|line| line.trim().strip_prefix("kernel @")?.split(' ').next()).collect();
        let products = count(&fused, "packed matrix product");
        // Three layers, their loss and the accuracy cannot be one; a few regions share a kernel, which no products do.
        assert!(kernels.len() > 5.max(products) && kernels.len() <= regions, "{regions} regions, {kernels:?}");
        assert!(products >= 2 && count(&loops, "gemm f32 ") == products, "{products} products\n{loops}");
        // And one function that calls the others.
        assert_eq!(headings(&clif)[..kernels.len()], kernels);
        assert_eq!(count(&clif, "function u0:"), kernels.len() + 1);
        assert_eq!(headings(&asm), headings(&clif));
        assert!(count(&asm, "ret") > kernels.len(), "{asm}");
        let (_, report) = compile_with_report(&module, func, &options).unwrap();
        assert_eq!(report.kernels, kernels.len());
        let vectors = count(&loops, ": f32x4");
        assert!(vectors > 0 && count(&clif, "f32x4") >= vectors, "{vectors} vectors\n{clif}");
    }
}

#[test]
fn tensor_stages_read_back_in_and_compute_the_same() {
    let (module, func) = loss();
    let arrays = inputs(&module, func);
    for options in [Options::new(), gradient()] {
        let expected = run_arrays(&compile(&module, func, &options).unwrap(), &arrays).unwrap();
        for stage in [Stage::Adjoint, Stage::Optimized, Stage::Fused] {
            let text = dump(&module, func, &options, stage).unwrap();
            let again = verify(parse_module(&text).unwrap()).unwrap();
            let (func, _) = again.functions().next().unwrap();
            let found = run_arrays(&compile(&again, func, &Options::new()).unwrap(), &arrays).unwrap();
            let off = distance(&found, &expected);
            assert!(off < TOLERANCE, "stage {}: off by {off:e}", stage.name());
        }
    }
}

#[test]
fn loop_programs_read_back_in_and_compute_the_same() {
    let (module, func) = loss();
    let arrays = inputs(&module, func);
    let elements: Vec<_> = arrays.iter().map(|array| array.elements.clone()).collect();
    for options in [Options::new(), gradient()] {
        let expected = run_arrays(&compile(&module, func, &options).unwrap(), &arrays).unwrap();
        let text = dump(&module, func, &options, Stage::Loops).unwrap();
        let program = pullback::loops::parse_program(&text).unwrap();
        assert_eq!(program.to_string(), text);
        let program = pullback::loops::verify(program).unwrap();
        let found = pullback::loops::interpret(&program, &elements).unwrap();
        let found =
            found.into_iter().zip(&expected).map(|(elements, like)| Array::new(like.shape.clone(), elements).unwrap());
        let off = distance(&found.collect::<Vec<_>>(), &expected);
        assert!(off < TOLERANCE, "off by {off:e}");
    }
}

/// A softmax of rows behind a product of matrices, and a loop over a small state; large enough to be cut into tiles.
const EVERYTHING: &str = "func @f(%x: f32[512,256], %w: f32[256,512], %s: f32) -> (f32[512,512], f32) {
  %y = dot %x, %w, contract=[1]x[0] : f32[512,512]
  %e = exp %y : f32[512,512]
  %n = neg %e : f32[512,512]
  %q = mul %n, %n : f32[512,512]
  %t = reduce add %q, axes=[1] : f32[512]
  %r = sqrt %t : f32[512]
  %b = broadcast %r, dims=[0] : f32[512,512]
  %d = div %n, %b : f32[512,512]
  %end = scan %s, length=100, consts=0, carry=1 : f32
    body(%c: f32) {
      %m = mul %c, %c : f32
      %u = sub %c, %m : f32
      yield %u
    }
  return %d, %end
}
";

#[test]
fn each_kind_of_fusion_does_what_those_before_it_do_and_more() {
    let module = verify(parse_module(EVERYTHING).unwrap()).unwrap();
    let func = module.find("f").unwrap();
    let mut arrays = inputs(&module, func);
    arrays[2] = Array::from_slice(&[], &[0.5f32]).unwrap();
    let text = |fusion, stage| dump(&module, func, &Options::new().fusion(fusion), stage).unwrap();
    let kernels = Fusion::ALL.map(|fusion| count(&text(fusion, Stage::Loops), "kernel @"));
    assert!(kernels[0] > kernels[1] && kernels[1] > kernels[2], "{kernels:?}");
    // What is reduced is in memory, and what follows is another region.
    let text_of = |fusion| text(fusion, Stage::Fused);
    assert!(text_of(Fusion::Elementwise).contains("is stored: fusion of reductions is off"));
    assert!(!text_of(Fusion::Reductions).contains("fusion of reductions is off"));
    // Which regions run tile by tile: none, those around the reduction, and the product too.
    let local = Fusion::ALL.map(|fusion| {
        let text = text_of(fusion);
        let local = text.lines().find_map(|line| line.split("in memory one tile at a time: ").nth(1));
        local.unwrap_or_default().to_owned()
    });
    let reduced = "%e (1048576 bytes), %r (2048 bytes)";
    assert_eq!(
        local,
        ["", "", reduced, &format!("%y (1048576 bytes), {reduced}"), &format!("%y (1048576 bytes), {reduced}")]
    );
    // A loop over kernels, and in the end one inside of a kernel.
    let loops = Fusion::ALL.map(|fusion| {
        let text = text(fusion, Stage::Loops);
        text.lines().filter(|line| line.trim_start().starts_with("loop ") && line.contains(" 0 to 100 ")).count()
    });
    assert_eq!(loops, [1, 1, 1, 1, 0]);
    let expected = run_arrays(&compile(&module, func, &Options::new().fusion(Fusion::Off)).unwrap(), &arrays).unwrap();
    for fusion in Fusion::ALL {
        let executable = compile(&module, func, &Options::new().fusion(fusion)).unwrap();
        let off = distance(&run_arrays(&executable, &arrays).unwrap(), &expected);
        assert!(off < TOLERANCE, "{fusion}: off by {off:e}");
    }
}

/// Three arrays in the arena of which two are needed at a time.
const CHAIN: &str = "func @chain(%x: f32[64,64], %c: f32[64,64]) -> f32[64,64] {
  %a = dot %x, %c, contract=[1]x[0] : f32[64,64]
  %b = dot %a, %c, contract=[1]x[0] : f32[64,64]
  %d = dot %b, %c, contract=[1]x[0] : f32[64,64]
  %y = dot %d, %c, contract=[1]x[0] : f32[64,64]
  return %y
}
";

#[test]
fn memory_is_reported_to_the_byte_with_who_lies_where_when() {
    let module = verify(parse_module(CHAIN).unwrap()).unwrap();
    let func = module.find("chain").unwrap();
    let report = memory_report(&module, func, &Options::new()).unwrap();
    let matrix = 64 * 64 * 4;
    assert_eq!((report.arguments, report.results, report.constants), (2 * matrix, matrix, 0));
    // %d lies where %a was.
    assert_eq!((report.arena, report.worker, report.peak()), (2 * matrix, 0, 5 * matrix));
    let place = |name: &str| {
        let buffer = report.buffers.iter().find(|buffer| buffer.name == name).unwrap();
        (buffer.offset, buffer.bytes, buffer.first, buffer.last)
    };
    assert_eq!([place("a"), place("b"), place("d")], [(0, matrix, 0, 1), (matrix, matrix, 1, 2), (0, matrix, 2, 3)]);
    assert_eq!(report.in_use(), [matrix, 2 * matrix, 2 * matrix, matrix]);
    assert_eq!(report.events.len(), 4);
    let (_, compiled) = compile_with_report(&module, func, &Options::new()).unwrap();
    assert_eq!(compiled.arena_bytes, report.arena);

    let text = dump(&module, func, &Options::new(), Stage::Memory).unwrap();
    assert_eq!(text, report.to_string());
    let bars: Vec<&str> = text.lines().filter(|line| line.contains('%')).collect();
    let bar = |name: &str| bars.iter().find(|line| line.contains(name)).unwrap().split(' ').next_back().unwrap();
    assert_eq!([bar("%a "), bar("%b "), bar("%d ")], ["##..", ".##.", "..##"]);
    let svg = report.to_svg();
    assert_eq!(svg.matches("<title>").count(), 3);
    assert!(svg.contains("%d: 16384 bytes at 0, events 2 to 3") && svg.trim_end().ends_with("</svg>"), "{svg}");
}

#[test]
fn each_worker_of_a_parallel_loop_is_counted() {
    let module = verify(parse_module(EVERYTHING).unwrap()).unwrap();
    let func = module.find("f").unwrap();
    let report = |threads| memory_report(&module, func, &Options::new().threads(threads)).unwrap();
    let (one, four) = (report(1), report(4));
    assert!(one.worker > 0 && one.worker == four.worker && !one.worker_buffers.is_empty(), "{one}");
    assert_eq!(four.peak() - one.peak(), 3 * one.worker);
}
