//! A corpus of texts that has every operation, attribute, element type and literal form, and a small generator of pseudo-random
//! numbers to mutate them.
#![allow(dead_code, unreachable_pub, reason = "each suite uses a part")]

use std::fmt::Write;

use pullback_ir::{Binary, Comparison, DType, Reduction, Unary};

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
pub struct SplitMix64(pub u64);

impl SplitMix64 {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }
}

/// Texts in exactly the form that the printer writes, each a module that verifies.
pub fn corpus() -> Vec<String> {
    let mut texts: Vec<String> = STRUCTURED.iter().map(|text| text.trim_start().to_string()).collect();
    for dtype in DType::ALL {
        texts.push(elementwise(dtype));
        texts.push(reductions(dtype));
        texts.push(views(dtype));
    }
    texts
}

fn elementwise(dtype: DType) -> String {
    let ty = format!("{dtype}[2,3]");
    let mut text = format!("func @elementwise_{dtype}(%x: {ty}, %y: {ty}, %p: bool[2,3]) {{\n");
    for op in Unary::ALL.iter().map(|op| op.info()).filter(|row| row.domain.contains(dtype)) {
        let _ = writeln!(text, "  %{0} = {0} %x : {ty}", op.name);
    }
    for op in Binary::ALL.iter().map(|op| op.info()).filter(|row| row.domain.contains(dtype)) {
        let _ = writeln!(text, "  %{0} = {0} %x, %y : {ty}", op.name);
    }
    for predicate in Comparison::ALL.iter().map(|predicate| predicate.name()) {
        let _ = writeln!(text, "  %{predicate} = compare {predicate} %x, %y : bool[2,3]");
    }
    for to in DType::ALL {
        let _ = writeln!(text, "  %to_{to} = convert %x : {to}[2,3]");
    }
    let _ = writeln!(text, "  %chosen = select %p, %x, %y : {ty}");
    if dtype != DType::Bool {
        let _ = writeln!(text, "  %clamped = clamp %x, %y, %x : {ty}");
    }
    if dtype.is_float() {
        let _ = writeln!(text, "  %finite = is_finite %x : bool[2,3]");
    }
    text + "  return\n}\n"
}

fn reductions(dtype: DType) -> String {
    let mut text = format!("func @reductions_{dtype}(%x: {dtype}[2,3,4]) {{\n");
    for op in Reduction::ALL.iter().map(|op| op.info()).filter(|row| row.domain.contains(dtype)) {
        let _ = writeln!(text, "  %{} = {} %x, axes=[0,2] : {dtype}[3]", op.name.replace(' ', "_"), op.name);
    }
    text + "  return\n}\n"
}

fn views(dtype: DType) -> String {
    let (zero, list) = match dtype {
        DType::F32 | DType::F64 => ("-0.0", "[1.5, -inf, nan]"),
        DType::I32 | DType::I64 => ("0", "[1, -2, 3]"),
        DType::U8 => ("0", "[0, 128, 255]"),
        DType::Bool => ("false", "[true, false, true]"),
    };
    format!(
        "func @views_{dtype}(%x: {dtype}[2,3]) -> ({dtype}[2,3], {dtype}[3]) {{
  %zero = constant {zero} : {dtype}
  %list = constant {list} : {dtype}[3]
  %nested = constant [{list}, [{zero}, {zero}, {zero}]] : {dtype}[2,3]
  %splat = constant {zero} : {dtype}[1000000,1000000]
  %empty = constant [] : {dtype}[2,0]
  %broadcast = broadcast %list, dims=[1] : {dtype}[2,3]
  %filled = broadcast %zero, dims=[] : {dtype}[4]
  %reshape = reshape %x : {dtype}[6]
  %transpose = transpose %x, perm=[1,0] : {dtype}[3,2]
  %reverse = reverse %x, axes=[0,1] : {dtype}[2,3]
  %slice = slice %x, start=[0,1], limit=[2,3] : {dtype}[2,2]
  %strided = slice %x, start=[0,0], limit=[2,3], stride=[1,2] : {dtype}[2,2]
  %pad = pad %x, %zero, low=[1,-1], high=[0,2] : {dtype}[3,4]
  %dilated = pad %x, %zero, low=[0,0], high=[0,0], interior=[1,2] : {dtype}[3,7]
  %concatenate = concatenate %x, %x, %reverse, axis=0 : {dtype}[6,3]
  return %x, %list
}}
"
    )
}

const STRUCTURED: &[&str] = &[
    "",
    "
func @indexing(%x: f32[5,4], %u: f32[2,4], %i: i32[2,1], %j: i64, %b: i32[5,2,1], %v: f32[5,2]) {
  %slice = dynamic_slice %x, %j, %j : f32[2,3]
  %update = dynamic_update_slice %x, %u, %j, %j : f32[5,4]
  %gather = gather %x, %i, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp, sizes=[1,4] : f32[2,4]
  %paired = gather %x, %b, offset=[], collapsed=[1], map=[1], vector_axis=2, mode=drop, batch=[0]x[0], sizes=[1,1] : f32[5,2]
  %set = scatter set %x, %i, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop : f32[5,4]
  %add = scatter add %x, %b, %v, offset=[], collapsed=[1], map=[1], vector_axis=2, mode=clamp, batch=[0]x[0] : f32[5,4]
  %mul = scatter mul %x, %i, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop : f32[5,4]
  %min = scatter min %x, %i, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop : f32[5,4]
  %max = scatter max %x, %i, %u, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop : f32[5,4]
  %most = argmax %x, axis=1 : i32[5]
  %least = argmin %x, axis=0 : i64[4]
  %sorted, %moved = sort %x, %x, axis=0, keys=1 : f32[5,4], f32[5,4]
  %down, %with = sort %x, %x, axis=1, keys=2, descending=true : f32[5,4], f32[5,4]
  %values, %positions = top_k %x, k=2 : f32[5,2], i32[5,2]
  return
}
",
    "
func @windows(%x: f32[5,4], %y: f32[2,2], %z: f32[1,2,8,8], %k: f32[4,1,3,3], %w: f32[2,4,2]) {
  %view = windows %x, axes=[0], size=[2], stride=[3] : f32[2,4,2]
  %dilated = windows %x, axes=[0,1], size=[2,2], dilation=[2,1] : f32[3,3,2,2]
  %sum = overlap_add %w, axes=[0], size=[2], stride=[3] : f32[5,4]
  %add = reduce_window add %x, size=[2,2] : f32[4,3]
  %max = reduce_window max %x, size=[2,2], stride=[2,2], low=[0,-1], high=[1,1], dilation=[2,1] : f32[2,2]
  %min = reduce_window min %x, size=[2,2], base_dilation=[2,1] : f32[8,3]
  %top = select_and_scatter max %x, %y, size=[2,2], stride=[2,2] : f32[5,4]
  %bottom = select_and_scatter min %x, %y, size=[2,2], stride=[2,2] : f32[5,4]
  %conv = conv %z, %k, lhs=[0,1,2,3], rhs=[0,1,2,3], out=[0,3,1,2], stride=[2,1], low=[1,0], high=[1,-1], feature_groups=2 : f32[1,4,5,4]
  return
}
",
    "
func @algebra(%x: f64[2,3,3], %y: f64[2,3,1], %key: i32[2], %f: f32[4]) {
  %factor = cholesky %x : f64[2,3,3]
  %solved = triangular_solve %factor, %y, left=true, lower=true, transpose=true, unit=true : f64[2,3,1]
  %bits = random_bits %key : i32[2,3]
  %wide = random_bits %key : i64
  %pattern = bitcast %f : i32[4]
  %held, %kept = optimization_barrier %f, %key : f32[4], i32[2]
  %sums = cumulative add %f, axis=0 : f32[4]
  %products = cumulative mul %f, axis=0, reverse=true : f32[4]
  %most = cumulative max %f, axis=0 : f32[4]
  %least = cumulative min %f, axis=0 : f32[4]
  %soft = cumulative logsumexp %f, axis=0 : f32[4]
  return
}
",
    "
func @control(%w: f32, %h: f32, %xs: f32[3], %p: bool, %n: i32) -> f32 {
  %last, %all = scan %w, %h, %xs, length=3, consts=1, carry=1, reverse=true, checkpoint_slots=2 : f32, f32[3]
    body(%0: f32, %1: f32, %2: f32) {
      %3 = mul %0, %1 : f32
      yield %3, %2
    }
  %again, %stack = scan %h, %xs, length=3, consts=0, carry=1, checkpoint=recompute : f32, f32[3]
    body(%4: f32, %5: f32) {
      yield %5, %4
    }
  %grown = while %w, %h, consts=1 : f32
    cond(%6: f32, %7: f32) {
      %8 = compare lt %7, %6 : bool
      yield %8
    }
    body(%9: f32, %10: f32) {
      %11 = add %10, %9 : f32
      yield %11
    }
  %either = cond %p, %w : f32
    then(%12: f32) {
      yield %12
    }
    else(%13: f32) {
      %14 = neg %13 : f32
      yield %14
    }
  %one = switch %n, %w : f32
    case(%15: f32) {
      yield %15
    }
    case(%16: f32) {
      %inner = checkpoint %16 : f32
        body(%17: f32) {
          yield %17
        }
      yield %inner
    }
  %mine = custom_derivative %w, rule=jvp : f32
    primal(%18: f32) {
      yield %18
    }
    jvp(%19: f32, %20: f32) {
      yield %20
    }
  %map = transpose_rule %w, %h, known=1 : f32
    transpose(%21: f32, %22: f32) {
      yield %22
    }
  return %map
}
",
    "
func @nothing() {
  return
}
",
    "
func @loss(%x: f32[128,784], %w: f32[784,10], %b: f32[10]) -> f32 {
  %y = dot %x, %w, contract=[1]x[0] : f32[128,10]
  %bias = broadcast %b, dims=[1] : f32[128,10]
  %z = add %y, %bias : f32[128,10]
  %sq = mul %z, %z : f32[128,10]
  %s = reduce add %sq, axes=[0,1] : f32
  return %s
}
",
    "
func @iotas() -> (i32[4], f64[2,3]) {
  %0 = iota axis=0 : i32[4]
  %1 = iota axis=1 : f64[2,3]
  return %0, %1
}
",
    "
func @dots(%a: f64[2,3,4], %b: f64[2,4,5], %v: f64[3]) -> f64[2,3,5] {
  %batched = dot %a, %b, batch=[0]x[0], contract=[2]x[1] : f64[2,3,5]
  %outer = dot %v, %v : f64[3,3]
  %inner = dot %v, %v, contract=[0]x[0] : f64
  %both = dot %v, %v, batch=[0]x[0] : f64[3]
  %all = dot %a, %a, contract=[0,1,2]x[0,1,2] : f64
  return %batched
}
",
    "
func @main(%x: f32, %0: f32) -> (f32, f32) {
  %y, %1 = call @pair %x, %0 : f32, f32
  call @nothing
  %2 = call @one : f32
  return %y, %2
}

func @pair(%a: f32, %b: f32) -> (f32, f32) {
  return %b, %a
}

func @nothing() {
  return
}

func @one() -> f32 {
  %0 = constant 1.0 : f32
  return %0
}
",
    "
func @literals() {
  %0 = constant 1e-45 : f32
  %1 = constant -3.4028235e38 : f32
  %2 = constant 5e-324 : f64
  %3 = constant 1.7976931348623157e308 : f64
  %4 = constant nan:0x7fc00001 : f32
  %5 = constant nan:0xfff8000000000000 : f64
  %6 = constant [nan, nan:0xffc00000, inf, -inf, -0.0, 16777216.0] : f32[6]
  %7 = constant -2147483648 : i32
  %8 = constant [-9223372036854775808, 9223372036854775807] : i64[2]
  %9 = constant [[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]] : u8[2,3,2]
  %10 = constant [[[true]], [[false]]] : bool[2,1,1]
  return
}
",
    "
func @names.with_dots(%_: f32[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1], %a.b: f32[0]) -> f32[0] {
  %X1 = neg %a.b : f32[0]
  return %X1
}
",
];
