//! Functions of the tensor IR, lowered, against its interpreter.

use std::fmt::Write;

use pullback_interp::Array;
use pullback_ir::{Binary, Builder, Comparison, DType, Module, PadSpec, Reduction, Type, Unary};
use pullback_optimize::fuse::{FuseOptions, Fusion};

use super::support::inputs::Mood;
use super::support::run::Case;
use super::support::{case, check, check_text, lowered};

/// Every program of a list, all failures together.
fn check_all(texts: &[String], mood: Mood) {
    let failures: Vec<String> = texts.iter().filter_map(|text| check(&case(text, mood)).err()).collect();
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), texts.len(), failures.join("\n\n"));
}

#[test]
fn elementwise_operations_in_every_type() {
    let mut texts = Vec::new();
    for dtype in DType::ALL {
        let mut body = String::new();
        let mut results = Vec::new();
        for op in Unary::ALL.iter().filter(|op| op.info().domain.contains(dtype)) {
            let name = op.info().name;
            let _ = writeln!(body, "  %u_{name} = {name} %x : {dtype}[13]");
            results.push((format!("u_{name}"), dtype));
        }
        for op in Binary::ALL.iter().filter(|op| op.info().domain.contains(dtype)) {
            let name = op.info().name;
            let _ = writeln!(body, "  %b_{name} = {name} %x, %y : {dtype}[13]");
            results.push((format!("b_{name}"), dtype));
        }
        for predicate in Comparison::ALL {
            let name = predicate.name();
            let _ = writeln!(body, "  %c_{name} = compare {name} %x, %y : bool[13]");
            results.push((format!("c_{name}"), DType::Bool));
        }
        for to in DType::ALL {
            let _ = writeln!(body, "  %to_{to} = convert %x : {to}[13]");
            results.push((format!("to_{to}"), to));
        }
        if dtype.is_float() {
            let _ = writeln!(body, "  %finite = is_finite %x : bool[13]");
            results.push(("finite".into(), DType::Bool));
        }
        if dtype != DType::Bool {
            let _ = writeln!(body, "  %clamped = clamp %y, %x, %z : {dtype}[13]");
            let _ = writeln!(body, "  %places = iota axis=0 : {dtype}[13]");
            results.push(("clamped".into(), dtype));
            results.push(("places".into(), dtype));
        }
        let _ = writeln!(body, "  %chosen = select %p, %x, %y : {dtype}[13]");
        results.push(("chosen".into(), dtype));
        let params = format!("%x: {dtype}[13], %y: {dtype}[13], %z: {dtype}[13], %p: bool[13]");
        // One function of all operations, and one of each.
        let line = |name: &str| body.lines().find(|line| line.contains(&format!("%{name} ="))).unwrap().to_owned();
        let types: Vec<String> = results.iter().map(|(_, dtype)| format!("{dtype}[13]")).collect();
        let names: Vec<String> = results.iter().map(|(name, _)| format!("%{name}")).collect();
        texts.push(format!(
            "func @f({params}) -> ({}) {{\n{body}  return {}\n}}\n",
            types.join(", "),
            names.join(", ")
        ));
        for (name, dtype) in &results {
            let line = line(name);
            texts.push(format!("func @f({params}) -> {dtype}[13] {{\n{line}\n  return %{name}\n}}\n"));
        }
    }
    for mood in [Mood::Tame, Mood::Special] {
        check_all(&texts, mood);
    }
}

/// `extents` as in a type; nothing for a scalar.
fn shape(extents: &[usize]) -> String {
    let list: Vec<String> = extents.iter().map(usize::to_string).collect();
    if list.is_empty() { String::new() } else { format!("[{}]", list.join(",")) }
}

#[test]
fn reductions_of_every_length() {
    let mut texts = Vec::new();
    let lengths = (1..=40).chain([63, 64, 65, 127, 128, 129, 255, 256, 257, 300, 1023, 1024, 1025, 2500, 5000]);
    for length in lengths {
        for dtype in ["f32", "f64", "i32"] {
            texts.push(format!(
                "func @f(%x: {dtype}[{length}], %y: {dtype}[3,{length}], %z: {dtype}[{length},5]) \
                 -> ({dtype}, {dtype}[3], {dtype}[5], {dtype}) {{
                   %a = reduce add %x, axes=[0] : {dtype}
                   %b = reduce add %y, axes=[1] : {dtype}[3]
                   %c = reduce add %z, axes=[0] : {dtype}[5]
                   %d = reduce max %z, axes=[0,1] : {dtype}
                   return %a, %b, %c, %d
                 }}"
            ));
        }
    }
    check_all(&texts, Mood::Tame);
}

#[test]
fn reductions_of_every_kind_and_set_of_axes() {
    let mut texts = Vec::new();
    let extents = [3usize, 5, 4];
    for kind in Reduction::ALL {
        for dtype in DType::ALL.into_iter().filter(|&dtype| kind.info().domain.contains(dtype)) {
            for subset in 0..8usize {
                let axes: Vec<usize> = (0..3).filter(|axis| subset >> axis & 1 == 1).collect();
                let kept: Vec<usize> = (0..3).filter(|axis| !axes.contains(axis)).map(|axis| extents[axis]).collect();
                let result = format!("{dtype}{}", shape(&kept));
                let name = kind.kind_name();
                texts.push(format!(
                    "func @f(%x: {dtype}[3,5,4]) -> {result} {{\n  %r = reduce {name} %x, axes={axes:?} : {result}\n  return %r\n}}"
                ));
            }
        }
    }
    check_all(&texts, Mood::Tame);
}

#[test]
fn views_feed_reductions() {
    for (view, ty, axes, result) in [
        ("transpose %x, perm=[1,0]", "f32[9,7]", "[0]", "f32[7]"),
        ("transpose %x, perm=[1,0]", "f32[9,7]", "[1]", "f32[9]"),
        ("reverse %x, axes=[1]", "f32[7,9]", "[1]", "f32[7]"),
        ("reverse %x, axes=[0,1]", "f32[7,9]", "[0]", "f32[9]"),
        ("slice %x, start=[1,2], limit=[7,9], stride=[2,3]", "f32[3,3]", "[1]", "f32[3]"),
        ("slice %x, start=[0,0], limit=[7,9], stride=[1,2]", "f32[7,5]", "[0]", "f32[5]"),
        ("broadcast %x, dims=[0,2], ", "f32[7,6,9]", "[1]", "f32[7,9]"),
        ("broadcast %x, dims=[0,1], ", "f32[7,9,6]", "[2]", "f32[7,9]"),
        ("broadcast %x, dims=[1,2], ", "f32[6,7,9]", "[0,2]", "f32[7]"),
        ("reshape %x", "f32[63]", "[0]", "f32"),
        ("reshape %x", "f32[7,1,9]", "[1]", "f32[7,9]"),
        ("reshape %x", "f32[9,7]", "[0]", "f32[7]"),
    ] {
        let view = view.trim_end_matches(", ");
        check_text(&format!(
            "func @f(%x: f32[7,9]) -> {result} {{\n  %v = {view} : {ty}\n  %r = reduce add %v, axes={axes} : {result}\n  return %r\n}}"
        ));
        // And with arithmetic before and behind.
        check_text(&format!(
            "func @f(%y: f32[7,9]) -> ({result}, {ty}) {{\n  %x = tanh %y : f32[7,9]\n  %v = {view} : {ty}\n  %w = mul %v, %v : {ty}\n  \
             %r = reduce add %w, axes={axes} : {result}\n  %s = neg %r : {result}\n  return %s, %w\n}}"
        ));
    }
}

#[test]
fn views_of_views_and_broadcasts_in_both_directions() {
    check_text(
        "func @f(%x: f32[6,8], %row: f32[8], %column: f32[6], %s: f32) -> (f32[6,8], f32[8,6], f32[6,8]) {
           %r = broadcast %row, dims=[1] : f32[6,8]
           %c = broadcast %column, dims=[0] : f32[6,8]
           %k = broadcast %s, dims=[] : f32[6,8]
           %a = add %x, %r : f32[6,8]
           %b = mul %a, %c : f32[6,8]
           %d = div %b, %k : f32[6,8]
           %t = transpose %d, perm=[1,0] : f32[8,6]
           %v = reverse %t, axes=[0] : f32[8,6]
           %u = transpose %v, perm=[1,0] : f32[6,8]
           %w = mul %u, %x : f32[6,8]
           return %d, %v, %w
         }",
    );
    check_text(
        "func @f(%x: f64[40], %y: i64[40]) -> (f64[10], i64[13], f64[5,8], f64[8,5]) {
           %a = slice %x, start=[3], limit=[40], stride=[4] : f64[10]
           %b = reverse %a, axes=[0] : f64[10]
           %c = sub %a, %b : f64[10]
           %d = slice %y, start=[1], limit=[40], stride=[3] : i64[13]
           %e = reverse %d, axes=[0] : i64[13]
           %g = add %d, %e : i64[13]
           %h = reshape %x : f64[5,8]
           %i = reverse %h, axes=[1] : f64[5,8]
           %j = transpose %i, perm=[1,0] : f64[8,5]
           %k = exp %j : f64[8,5]
           return %c, %g, %i, %k
         }",
    );
}

#[test]
fn pads_ordinary_negative_and_between() {
    let mut texts = Vec::new();
    for (low, high, interior) in
        [(1, 2, 0), (-1, 2, 0), (2, -3, 0), (-2, -2, 0), (0, 0, 2), (-1, 1, 2), (3, -4, 1), (-5, 9, 3), (20, -20, 0)]
    {
        let extent = 7 + 6 * interior + low + high;
        for dtype in ["f32", "u8", "bool"] {
            texts.push(format!(
                "func @f(%x: {dtype}[7], %v: {dtype}) -> {dtype}[{extent}] {{\n  %p = pad %x, %v, low=[{low}], high=[{high}], \
                 interior=[{interior}] : {dtype}[{extent}]\n  return %p\n}}"
            ));
        }
        texts.push(format!(
            "func @f(%x: f32[7,3], %s: f32) -> f32[{extent}] {{
               %y = sin %x : f32[7,3]
               %v = exp %s : f32
               %p = pad %y, %v, low=[{low},1], high=[{high},-1], interior=[{interior},1] : f32[{extent},5]
               %q = tanh %p : f32[{extent},5]
               %r = reduce add %q, axes=[1] : f32[{extent}]
               return %r
             }}"
        ));
    }
    check_all(&texts, Mood::Tame);
}

#[test]
fn pads_at_the_ends_of_64_bits() {
    let huge = 9_000_000_000_000_000_000i64;
    let most = i64::MAX;
    let texts: Vec<String> = [
        (1, format!("low=[-{huge}], high=[{huge}], interior=[0]"), 1),
        (1, format!("low=[{huge}], high=[-{huge}], interior=[0]"), 1),
        (1, format!("low=[0], high=[0], interior=[{most}]"), 1),
        (1, format!("low=[2], high=[1], interior=[{most}]"), 4),
        (1, format!("low=[-1], high=[1], interior=[{most}]"), 1),
        (2, format!("low=[0], high=[-{huge}], interior=[{huge}]"), 2),
        (2, format!("low=[-{huge}], high=[0], interior=[{huge}]"), 2),
        (0, format!("low=[-{huge}], high=[{huge}], interior=[0]"), 0),
        (0, format!("low=[3], high=[0], interior=[{most}]"), 3),
        (1, "low=[-9223372036854775807], high=[9223372036854775807], interior=[0]".to_owned(), 1),
        (1, "low=[-9223372036854775808], high=[9223372036854775807], interior=[0]".to_owned(), 0),
    ]
    .into_iter()
    .map(|(from, spec, to)| {
        format!(
            "func @f(%x: f32[{from}], %v: f32) -> f32[{to}] {{\n  %p = pad %x, %v, {spec} : f32[{to}]\n  return %p\n}}"
        )
    })
    .collect();
    check_all(&texts, Mood::Tame);
}

/// The text form has no numbers this large.
#[test]
fn a_pad_with_the_largest_interior() {
    let module = Module::new();
    let b = Builder::new(&module, "f");
    let x = b.param("x", Type::new(DType::F32, &[1, 3]).unwrap());
    let v = b.param("v", Type::scalar(DType::F32));
    let spec = PadSpec { low: [2, 0].into(), high: [0, -1].into(), interior: [usize::MAX, 1].into() };
    let p = b.pad(x, v, spec);
    let function = b.finish(&[p]).unwrap();
    let inputs = vec![Array::from_slice(&[1, 3], &[1f32, 2.0, 3.0]).unwrap(), Array::scalar(9f32)];
    check(&Case::of(function, inputs)).unwrap_or_else(|message| panic!("{message}"));
}

#[test]
fn concatenations() {
    check_text(
        "func @f(%a: f32[2,3], %b: f32[4,3], %c: f32[2,5], %d: f32[0,3]) -> (f32[8,3], f32[2,8], f32[2,3]) {
           %s = sin %a : f32[2,3]
           %x = concatenate %s, %b, %d, %a, axis=0 : f32[8,3]
           %y = concatenate %c, %a, axis=1 : f32[2,8]
           %z = exp %y : f32[2,8]
           %w = concatenate %a, axis=0 : f32[2,3]
           return %x, %z, %w
         }",
    );
    check_text(
        "func @f(%a: bool[9], %b: u8[5], %c: i64[3]) -> (bool[18], u8[10], i64) {
           %n = not %a : bool[9]
           %x = concatenate %a, %n, axis=0 : bool[18]
           %y = concatenate %b, %b, axis=0 : u8[10]
           %k = constant 4 : i64
           %l = reshape %k : i64[1]
           %z = concatenate %c, %l, axis=0 : i64[4]
           %r = reduce mul %z, axes=[0] : i64
           return %x, %y, %r
         }",
    );
}

#[test]
fn softmax_and_layer_norm() {
    for (rows, columns) in [(1, 1), (5, 7), (32, 10), (3, 130), (70, 3)] {
        check_text(&format!(
            "func @softmax(%x: f32[{rows},{columns}]) -> f32[{rows},{columns}] {{
               %m = reduce max %x, axes=[1] : f32[{rows}]
               %mb = broadcast %m, dims=[0] : f32[{rows},{columns}]
               %c = sub %x, %mb : f32[{rows},{columns}]
               %e = exp %c : f32[{rows},{columns}]
               %s = reduce add %e, axes=[1] : f32[{rows}]
               %sb = broadcast %s, dims=[0] : f32[{rows},{columns}]
               %p = div %e, %sb : f32[{rows},{columns}]
               return %p
             }}"
        ));
        check_text(&format!(
            "func @norm(%x: f64[{rows},{columns}], %g: f64[{columns}]) -> (f64[{rows},{columns}], f64[{rows}], f64[{columns}]) {{
               %n = constant {columns}.0 : f64
               %nb = broadcast %n, dims=[] : f64[{rows}]
               %s = reduce add %x, axes=[1] : f64[{rows}]
               %m = div %s, %nb : f64[{rows}]
               %mb = broadcast %m, dims=[0] : f64[{rows},{columns}]
               %c = sub %x, %mb : f64[{rows},{columns}]
               %q = mul %c, %c : f64[{rows},{columns}]
               %v = reduce add %q, axes=[1] : f64[{rows}]
               %w = div %v, %nb : f64[{rows}]
               %eps = constant 0.001 : f64
               %epsb = broadcast %eps, dims=[] : f64[{rows}]
               %we = add %w, %epsb : f64[{rows}]
               %r = rsqrt %we : f64[{rows}]
               %rb = broadcast %r, dims=[0] : f64[{rows},{columns}]
               %y = mul %c, %rb : f64[{rows},{columns}]
               %gb = broadcast %g, dims=[1] : f64[{rows},{columns}]
               %z = mul %y, %gb : f64[{rows},{columns}]
               %dg = reduce add %y, axes=[0] : f64[{columns}]
               return %z, %r, %dg
             }}"
        ));
    }
}

#[test]
fn contractions_in_line_and_packed() {
    let mut texts = Vec::new();
    for dtype in ["f32", "f64", "i32", "u8"] {
        for (x, y, dims, result) in [
            ("[4,5]", "[5,6]", "contract=[1]x[0]", "[4,6]"),
            ("[5,4]", "[5,6]", "contract=[0]x[0]", "[4,6]"),
            ("[4,5]", "[6,5]", "contract=[1]x[1]", "[4,6]"),
            ("[7]", "[7]", "contract=[0]x[0]", ""),
            ("[7]", "[3]", "contract=[]x[]", "[7,3]"),
            ("[300]", "[300]", "contract=[0]x[0]", ""),
            ("[2,4,5]", "[2,5,6]", "batch=[0]x[0], contract=[2]x[1]", "[2,4,6]"),
            ("[4,2,5]", "[5,6,2]", "batch=[1]x[2], contract=[2]x[0]", "[2,4,6]"),
            ("[4,5,3]", "[3,6,5]", "contract=[1,2]x[2,0]", "[4,6]"),
            ("[4,5,3]", "[5,3,6]", "contract=[1,2]x[0,1]", "[4,6]"),
            ("[4,5]", "[4,5]", "contract=[0,1]x[0,1]", ""),
            ("[4,5]", "[5,4]", "contract=[0,1]x[1,0]", ""),
            ("[2,3]", "[2,3]", "batch=[0,1]x[0,1], contract=[]x[]", "[2,3]"),
            ("[0,5]", "[5,6]", "contract=[1]x[0]", "[0,6]"),
            ("[4,0]", "[0,6]", "contract=[1]x[0]", "[4,6]"),
            ("[1,5]", "[5,1]", "contract=[1]x[0]", "[1,1]"),
            // Large ones, which call the packed kernel if they are of floats.
            ("[26,25]", "[25,27]", "contract=[1]x[0]", "[26,27]"),
            ("[25,26]", "[25,27]", "contract=[0]x[0]", "[26,27]"),
            ("[25,26]", "[27,25]", "contract=[0]x[1]", "[26,27]"),
            ("[2,30,20]", "[2,20,40]", "batch=[0]x[0], contract=[2]x[1]", "[2,30,40]"),
            ("[30,2,20]", "[40,20,2]", "batch=[1]x[2], contract=[2]x[1]", "[2,30,40]"),
            ("[30,6,7]", "[7,20,6]", "contract=[1,2]x[2,0]", "[30,20]"),
            ("[30,6,7]", "[6,7,20]", "contract=[1,2]x[0,1]", "[30,20]"),
            ("[5,20,6]", "[20,4,30]", "contract=[1]x[0]", "[5,6,4,30]"),
            ("[1,300]", "[300,60]", "contract=[1]x[0]", "[1,60]"),
            ("[300,1]", "[1,60]", "contract=[1]x[0]", "[300,60]"),
        ] {
            // Integers have one way.
            if !dtype.starts_with('f') && x.len() + y.len() > 15 {
                continue;
            }
            texts.push(format!(
                "func @f(%x: {dtype}{x}, %y: {dtype}{y}) -> {dtype}{result} {{\n  %z = dot %x, %y, {dims} : {dtype}{result}\n  \
                 return %z\n}}"
            ));
        }
    }
    check_all(&texts, Mood::Tame);
}

#[test]
fn contractions_with_views_and_arithmetic_around() {
    for (m, k, n) in [(3, 4, 5), (33, 20, 40)] {
        check_text(&format!(
            "func @f(%a: f32[{k},{m}], %b: f32[{k},{n}], %c: f32[{n}]) -> (f32[{m},{n}], f32[{m}], f32[{n},{m}]) {{
               %t = transpose %a, perm=[1,0] : f32[{m},{k}]
               %s = tanh %t : f32[{m},{k}]
               %r = reverse %b, axes=[0] : f32[{k},{n}]
               %z = dot %s, %r, contract=[1]x[0] : f32[{m},{n}]
               %cb = broadcast %c, dims=[1] : f32[{m},{n}]
               %w = add %z, %cb : f32[{m},{n}]
               %zero = constant 0.0 : f32[{m},{n}]
               %y = max %w, %zero : f32[{m},{n}]
               %q = reduce add %y, axes=[1] : f32[{m}]
               %u = transpose %w, perm=[1,0] : f32[{n},{m}]
               return %y, %q, %u
             }}"
        ));
    }
}

#[test]
fn nothing_at_all_and_extent_one() {
    check_text(
        "func @f(%x: f32[0], %y: f32[3,0], %z: f32[1,1,1]) -> (f32, f32[3], f32[0], f32[3,0], f32, f32[1], f32[3,4]) {
           %a = reduce add %x, axes=[0] : f32
           %b = reduce max %y, axes=[1] : f32[3]
           %c = reduce mul %y, axes=[0] : f32[0]
           %d = exp %y : f32[3,0]
           %e = reduce add %z, axes=[0,1,2] : f32
           %g = reshape %z : f32[1]
           %h = neg %g : f32[1]
           %k = broadcast %b, dims=[0] : f32[3,4]
           return %a, %b, %c, %d, %e, %h, %k
         }",
    );
    check_text(
        "func @f(%x: f32[5,0], %y: f32[0,7]) -> (f32[5,7], f32[0]) {
           %z = dot %x, %y, contract=[1]x[0] : f32[5,7]
           %t = transpose %y, perm=[1,0] : f32[7,0]
           %w = reduce add %t, axes=[0] : f32[0]
           return %z, %w
         }",
    );
}

#[test]
fn results_that_nothing_computes() {
    check_text(
        "func @f(%x: f32[6], %b: bool[17]) -> (f32[6], f32[6], f32[2,3], f32[6], f32[2], f32[2], bool[17], f32[3], i32) {
           %c = constant [1.0, 2.5] : f32[2]
           %r = reshape %x : f32[2,3]
           %y = exp %x : f32[6]
           %k = constant 0.5 : f32[3]
           %n = constant -7 : i32
           return %x, %x, %r, %y, %c, %c, %b, %k, %n
         }",
    );
    check_text(
        "func @f(%x: f32[6]) -> (f32[6], f32[3,2], f32[2,3], f32[6], f32[1,6,1]) {
           %y = exp %x : f32[6]
           %r = reshape %y : f32[3,2]
           %s = reshape %r : f32[2,3]
           %u = reshape %y : f32[1,6,1]
           return %y, %r, %s, %y, %u
         }",
    );
    check_text(
        "func @f(%x: f32[4,6]) -> (f32[6,4], f32[4,6], f32[2,6], f32[24], f32[4,6,2]) {
           %t = transpose %x, perm=[1,0] : f32[6,4]
           %r = reverse %x, axes=[1] : f32[4,6]
           %s = slice %x, start=[1,0], limit=[4,6], stride=[2,1] : f32[2,6]
           %f = reshape %t : f32[24]
           %b = broadcast %x, dims=[0,1] : f32[4,6,2]
           return %t, %r, %s, %f, %b
         }",
    );
}

#[test]
fn values_used_by_several_regions() {
    check_text(
        "func @f(%x: f32[20,30], %w: f32[30,40]) -> (f32[20,40], f32[20], f32[30], f32, f32[20,30], f32[30,20]) {
           %e = exp %x : f32[20,30]
           %m = neg %e : f32[20,30]
           %y = dot %e, %w, contract=[1]x[0] : f32[20,40]
           %r = reduce add %e, axes=[1] : f32[20]
           %c = reduce add %m, axes=[0] : f32[30]
           %t = reduce max %e, axes=[0,1] : f32
           %cb = broadcast %c, dims=[1] : f32[20,30]
           %z = mul %m, %cb : f32[20,30]
           %tr = transpose %e, perm=[1,0] : f32[30,20]
           %u = tanh %tr : f32[30,20]
           return %y, %r, %c, %t, %z, %u
         }",
    );
    check_text(
        "func @main(%x: f32[16], %y: f32[16]) -> (f32, f32[16]) {
           %a = mul %x, %y : f32[16]
           %b = add %a, %x : f32[16]
           %s = reduce add %b, axes=[0] : f32
           %sb = broadcast %s, dims=[] : f32[16]
           %c = div %a, %sb : f32[16]
           %d = sub %c, %b : f32[16]
           %t = reduce add %d, axes=[0] : f32
           return %t, %d
         }",
    );
}

#[test]
fn calls_are_inlined() {
    check_text(
        "func @square(%x: f32[5]) -> (f32[5], f32) {
           %y = mul %x, %x : f32[5]
           %s = reduce add %y, axes=[0] : f32
           return %y, %s
         }
         func @main(%x: f32[5]) -> (f32[5], f32) {
           %a, %s = call @square %x : f32[5], f32
           %b, %t = call @square %a : f32[5], f32
           %u = add %s, %t : f32
           return %b, %u
         }",
    );
}

#[test]
fn mixed_element_types_in_one_region() {
    check_text(
        "func @f(%x: f32[50], %n: i64[50], %b: u8[50], %p: bool[50]) -> (f64[50], f32, i32[50], u8[50], bool, i64) {
           %xd = convert %x : f64[50]
           %nd = convert %n : f64[50]
           %s = add %xd, %nd : f64[50]
           %bf = convert %b : f32[50]
           %m = mul %bf, %x : f32[50]
           %r = reduce add %m, axes=[0] : f32
           %i = convert %s : i32[50]
           %bb = add %b, %b : u8[50]
           %c = compare lt %x, %bf : bool[50]
           %q = and %c, %p : bool[50]
           %any = reduce or %q, axes=[0] : bool
           %zero = constant 0 : i64[50]
           %sel = select %q, %n, %zero : i64[50]
           %total = reduce add %sel, axes=[0] : i64
           return %s, %r, %i, %bb, %any, %total
         }",
    );
}

#[test]
fn ranks_up_to_sixteen() {
    check_text(
        "func @f(%x: f32[2,1,2,1,2,1,2,1,2,1,2,1,2,1,2,1]) -> (f32[1,2,2,1,2,1,2,1,2,1,2,1,2,1,2,1], f32[2,2,2,2]) {
           %t = transpose %x, perm=[1,0,2,3,4,5,6,7,8,9,10,11,12,13,14,15] : f32[1,2,2,1,2,1,2,1,2,1,2,1,2,1,2,1]
           %e = exp %t : f32[1,2,2,1,2,1,2,1,2,1,2,1,2,1,2,1]
           %r = reverse %x, axes=[0,2,14] : f32[2,1,2,1,2,1,2,1,2,1,2,1,2,1,2,1]
           %s = reduce add %r, axes=[0,1,3,5,6,7,8,9,11,13,14,15] : f32[2,2,2,2]
           return %e, %s
         }",
    );
}

#[test]
fn what_is_computed_element_by_element_takes_the_place_of_what_it_is_computed_from() {
    // Without fusion every value is stored, and each is read once, at the same element: the result's place is enough. Its rows end in no whole vector, the last one of which
    // must not be computed twice then.
    let text = |last: &str| {
        format!(
            "func @f(%x: f32[3,37]) -> f32[3,37] {{
  %0 = exp %x : f32[3,37]
  %1 = add %0, %x : f32[3,37]
  %2 = mul %1, %1 : f32[3,37]
  {last}
  return %3
}}"
        )
    };
    // Of axes in another order in memory, which their sum takes them in.
    check_text(
        "func @f(%x: f64[6,1,2,3,1]) -> f64[8,1,2] {
  %0 = cumulative add %x, axis=3 : f64[6,1,2,3,1]
  %1 = constant 0.0 : f64[6,1,2,3,1]
  %2 = add %0, %1 : f64[6,1,2,3,1]
  %3 = overlap_add %2, axes=[0,1], size=[3,1] : f64[8,1,2]
  return %3
}",
    );
    for (last, arena) in [
        ("%3 = log1p %2 : f32[3,37]", 0),
        // Of another position's elements: the place of what is read has to stay.
        ("%3 = reverse %2, axes=[1] : f32[3,37]", 448),
    ] {
        let case = case(&text(last), Mood::Tame);
        let program = lowered(&case, FuseOptions { kinds: Fusion::Off, ..FuseOptions::default() }, false).unwrap();
        assert_eq!(program.arena_bytes, arena, "{last}");
        check(&case).unwrap();
    }
}
