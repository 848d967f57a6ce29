//! Gathers, scatters and sorts.

use pullback_ir::{DType, ScatterKind};

use super::{Program, exact, single, special};

/// Shapes of the operand, of the indices and of the windows' tensor, the roles of axes, and the sizes of a window.
const WINDOWS: [(&str, &str, &str, &str, &str); 14] = [
    // Rows.
    ("11,8", "5", "5,8", "offset=[1], collapsed=[0], map=[0], vector_axis=1", "[1,8]"),
    ("11,9", "3,4", "3,4,9", "offset=[2], collapsed=[0], map=[0], vector_axis=2", "[1,9]"),
    // Parts of columns, windows first.
    ("8,11", "6", "5,6", "offset=[0], collapsed=[1], map=[1], vector_axis=1", "[5,1]"),
    // Elements, with the components of index vectors along either axis.
    ("7,9", "13,2", "13", "offset=[], collapsed=[0,1], map=[0,1], vector_axis=1", "[1,1]"),
    ("7,9", "2,13", "13", "offset=[], collapsed=[0,1], map=[1,0], vector_axis=0", "[1,1]"),
    ("17", "12", "12", "offset=[], collapsed=[0], map=[0], vector_axis=1", "[1]"),
    // Windows in the middle of the batch; one index for one axis of three.
    ("3,4,2", "2,3,2", "2,3,2,2", "offset=[2,3], collapsed=[0], map=[1,0], vector_axis=2", "[1,2,2]"),
    ("3,10,4", "5,1", "3,5,6,4", "offset=[0,2,3], collapsed=[], map=[1], vector_axis=1", "[3,6,4]"),
    // One window at a single index vector, and at none.
    ("6,5", "2", "2,3", "offset=[0,1], collapsed=[], map=[0,1], vector_axis=0", "[2,3]"),
    ("6,5", "", "5", "offset=[0], collapsed=[0], map=[0], vector_axis=0", "[1,5]"),
    // Axes that operand and indices share.
    ("4,9", "4,3", "4,3", "offset=[], collapsed=[1], map=[1], vector_axis=2, batch=[0]x[0]", "[1,1]"),
    ("9,4,6", "3,4", "3,4,6", "offset=[2], collapsed=[0], map=[0], vector_axis=2, batch=[1]x[1]", "[1,1,6]"),
    // Nothing.
    ("5,4", "0", "0,4", "offset=[1], collapsed=[0], map=[0], vector_axis=1", "[1,4]"),
    ("5,4", "3", "3,0", "offset=[1], collapsed=[0], map=[0], vector_axis=1", "[1,0]"),
];

fn shape(extents: &str) -> String {
    if extents.is_empty() { String::new() } else { format!("[{extents}]") }
}

pub fn programs() -> Vec<Program> {
    let mut programs = Vec::new();
    let index_types = ["i32", "i64", "u8"];
    for (number, (x, s, w, dims, sizes)) in WINDOWS.into_iter().enumerate() {
        let (x, s, w) = (shape(x), shape(s), shape(w));
        for mode in ["clamp", "drop"] {
            let index = index_types[number % 3];
            for dtype in DType::ALL {
                programs.push(exact(single(
                    &format!("%x: {dtype}{x}, %s: {index}{s}"),
                    &format!("gather %x, %s, {dims}, sizes={sizes}, mode={mode}"),
                    &format!("{dtype}{w}"),
                )));
                for kind in ScatterKind::ALL.iter().filter(|kind| kind.info().domain.contains(dtype)) {
                    programs.push(exact(single(
                        &format!("%x: {dtype}{x}, %s: {index}{s}, %u: {dtype}{w}"),
                        &format!("{} %x, %s, %u, {dims}, mode={mode}", kind.info().name),
                        &format!("{dtype}{x}"),
                    )));
                }
            }
            // With arithmetic on all sides.
            programs.push(exact(format!(
                "func @f(%x: f32{x}, %s: {index}{s}, %u: f32{w}) -> (f32{w}, f32{x}, f32{x}) {{
                   %y = neg %x : f32{x}
                   %t = add %s, %s : {index}{s}
                   %g = gather %y, %t, {dims}, sizes={sizes}, mode={mode} : f32{w}
                   %h = mul %g, %u : f32{w}
                   %k = gather %y, %s, {dims}, sizes={sizes}, mode={mode} : f32{w}
                   %v = add %h, %k : f32{w}
                   %z = scatter add %y, %t, %v, {dims}, mode={mode} : f32{x}
                   %a = abs %z : f32{x}
                   return %v, %a, %y
                 }}"
            )));
        }
    }
    programs.extend(fused().map(|text| exact(text.to_owned())));
    programs.extend(sorts());
    programs
}

fn fused() -> impl Iterator<Item = &'static str> {
    [
        // Rows summed: the reduction is over what an index decides, the rest in vectors.
        "func @f(%e: f32[11,40], %s: i32[6,5]) -> (f32[6,40], f32[6,5]) {
           %g = gather %e, %s, offset=[2], collapsed=[0], map=[0], vector_axis=2, sizes=[1,40], mode=clamp : f32[6,5,40]
           %bag = reduce add %g, axes=[1] : f32[6,40]
           %r = reduce add %g, axes=[2] : f32[6,5]
           return %bag, %r
         }",
        "func @f(%e: f64[11,40], %s: i32[6,5]) -> f64[40] {
           %g = gather %e, %s, offset=[2], collapsed=[0], map=[0], vector_axis=2, sizes=[1,40], mode=drop : f64[6,5,40]
           %bag = reduce add %g, axes=[0,1] : f64[40]
           return %bag
         }",
        // An index from an index, and sums of gathered elements.
        "func @f(%x: f32[70], %s: i32[70], %t: i32[70]) -> (f32, f32[70], f32) {
           %u = gather %s, %t, offset=[], collapsed=[0], map=[0], vector_axis=1, sizes=[1], mode=clamp : i32[70]
           %g = gather %x, %u, offset=[], collapsed=[0], map=[0], vector_axis=1, sizes=[1], mode=clamp : f32[70]
           %r = reduce add %g, axes=[0] : f32
           %m = mul %g, %x : f32[70]
           %k = reduce max %m, axes=[0] : f32
           return %r, %m, %k
         }",
        // Indices that nothing but a position or a constant decides.
        "func @f(%x: f32[9,4]) -> (f32[20,4], f32[3,4], f32[4]) {
           %i = iota axis=0 : i32[20]
           %a = gather %x, %i, offset=[1], collapsed=[0], map=[0], vector_axis=1, sizes=[1,4], mode=drop : f32[20,4]
           %c = constant [8, -1, 3] : i32[3]
           %b = gather %x, %c, offset=[1], collapsed=[0], map=[0], vector_axis=1, sizes=[1,4], mode=clamp : f32[3,4]
           %s = constant 5 : i32
           %d = gather %x, %s, offset=[0], collapsed=[0], map=[0], vector_axis=0, sizes=[1,4], mode=clamp : f32[4]
           return %a, %b, %d
         }",
        // A product of gathered rows, small and large, and a scatter of a product.
        "func @f(%e: f32[12,40], %s: i32[6], %w: f32[40,33]) -> (f32[6,33], f32[12,33]) {
           %g = gather %e, %s, offset=[1], collapsed=[0], map=[0], vector_axis=1, sizes=[1,40], mode=clamp : f32[6,40]
           %y = dot %g, %w, contract=[1]x[0] : f32[6,33]
           %zero = constant 0 : f32
           %z = broadcast %zero, dims=[] : f32[12,33]
           %r = scatter add %z, %s, %y, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop : f32[12,33]
           return %y, %r
         }",
        // A histogram: every update at one of few places.
        "func @f(%s: i32[200]) -> i32[9] {
           %zero = constant 0 : i32
           %one = constant 1 : i32
           %z = broadcast %zero, dims=[] : i32[9]
           %u = broadcast %one, dims=[] : i32[200]
           %r = scatter add %z, %s, %u, offset=[], collapsed=[0], map=[0], vector_axis=1, mode=drop : i32[9]
           return %r
         }",
        // The last of several updates wins, and one place takes all.
        "func @f(%x: f32[9], %u: f32[37], %i: i32) -> (f32[9], f32[9]) {
           %s = broadcast %i, dims=[] : i32[37]
           %a = scatter set %x, %s, %u, offset=[], collapsed=[0], map=[0], vector_axis=1, mode=clamp : f32[9]
           %b = scatter add %x, %s, %u, offset=[], collapsed=[0], map=[0], vector_axis=1, mode=clamp : f32[9]
           return %a, %b
         }",
        // Updates by rows of which some are left out, in vectors; an operand and its update from one value.
        "func @f(%x: f32[9,48], %s: i64[20], %u: f32[20,48]) -> f32[9,48] {
           %v = mul %u, %u : f32[20,48]
           %y = abs %x : f32[9,48]
           %r = scatter max %y, %s, %v, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop : f32[9,48]
           return %r
         }",
        "func @f(%x: f32[12,8], %s: i32[12]) -> (f32[12,8], f32[12,8]) {
           %y = abs %x : f32[12,8]
           %r = scatter add %y, %s, %y, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop : f32[12,8]
           %t = transpose %y, perm=[1,0] : f32[8,12]
           %v = reverse %y, axes=[0] : f32[12,8]
           %q = scatter set %y, %s, %v, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp : f32[12,8]
           return %r, %q
         }",
    ]
    .into_iter()
}

fn sorts() -> Vec<Program> {
    let mut programs = Vec::new();
    for dtype in DType::ALL {
        for extents in ["13", "1", "0", "5,7", "9,1,4", "3,0"] {
            for axis in 0..extents.split(',').count() {
                for descending in ["", ", descending=true"] {
                    let ty = format!("{dtype}[{extents}]");
                    programs.push(special(single(
                        &format!("%x: {ty}"),
                        &format!("sort %x, axis={axis}, keys=1{descending}"),
                        &ty,
                    )));
                    programs.push(special(format!(
                        "func @f(%x: {ty}, %y: f64[{extents}], %z: bool[{extents}]) -> ({ty}, f64[{extents}], i32[{extents}]) {{
                           %i = iota axis={axis} : i32[{extents}]
                           %a, %b, %c, %d = sort %x, %y, %z, %i, axis={axis}, keys=2{descending} : {ty}, f64[{extents}], bool[{extents}], i32[{extents}]
                           return %a, %b, %d
                         }}"
                    )));
                }
            }
        }
    }
    programs.push(special(
        "func @f(%x: f32[6,300]) -> (f32[6,300], f32[300]) {
           %y = neg %x : f32[6,300]
           %t = transpose %y, perm=[1,0] : f32[300,6]
           %s = sort %t, axis=0, keys=1 : f32[300,6]
           %u = transpose %s, perm=[1,0] : f32[6,300]
           %v = abs %u : f32[6,300]
           %m = reduce max %s, axes=[1] : f32[300]
           return %v, %m
         }"
        .to_owned(),
    ));
    programs
}
