//! Products: those by tiles that share a packed right factor, and those of slices; tensor programs against the interpreter of the tensor IR.

use pullback_optimize::fuse::{Cutting, FuseOptions};

use super::support::inputs::Mood;
use super::support::tolerance::Bounds;
use super::support::{case, check, check_text, lowered, run_lowered};

/// Weights from scores in several heads, applied to values; and what the cotangent of a sum of squares makes of them. `n` keys of `d` elements, as many queries.
fn attention(heads: usize, n: usize, d: usize) -> String {
    let (x, s, r) = (format!("f32[{heads},{n},{d}]"), format!("f32[{heads},{n},{n}]"), format!("f32[{heads},{n}]"));
    format!(
        "func @f(%q: {x}, %k: {x}, %v: {x}) -> ({x}, {r}) {{
          %s = dot %q, %k, batch=[0]x[0], contract=[2]x[2] : {s}
          %m = reduce max %s, axes=[2] : {r}
          %mb = broadcast %m, dims=[0,1] : {s}
          %c = sub %s, %mb : {s}
          %e = exp %c : {s}
          %t = reduce add %e, axes=[2] : {r}
          %tb = broadcast %t, dims=[0,1] : {s}
          %w = div %e, %tb : {s}
          %y = dot %w, %v, batch=[0]x[0], contract=[2]x[1] : {x}
          %dw = dot %y, %v, batch=[0]x[0], contract=[2]x[2] : {s}
          %p = mul %dw, %w : {s}
          %z = reduce add %p, axes=[2] : {r}
          return %y, %z
        }}"
    )
}

/// Tiles of at most about `rows` rows, of one head.
fn cut(n: usize, rows: usize) -> FuseOptions {
    FuseOptions {
        cutting: Cutting { contraction_tile: 24 * n * rows, max_position: 40 * n, ..Cutting::EVERYTHING },
        ..FuseOptions::default()
    }
}

#[test]
fn attention_packs_keys_once_for_each_head_and_means_the_same() {
    for (heads, n, d) in [(1, 45, 16), (2, 47, 17), (3, 63, 16), (2, 70, 33)] {
        let case = case(&attention(heads, n, d), Mood::Tame).inlined();
        let program = lowered(&case, cut(n, 10), true).unwrap();
        let text = program.to_string();
        let packs: Vec<&str> = text.lines().filter(|line| line.contains(" pack f32 ")).collect();
        // The keys, and the values as they are multiplied by the cotangent.
        assert_eq!(packs.len(), 2, "{heads} heads, {n} keys of {d}\n{text}");
        assert!(packs.iter().all(|line| line.contains(&format!("pack f32 {d}x{n} "))), "{packs:?}");
        let results = run_lowered(&case, &program).unwrap();
        Bounds::of(&case).check(&results).unwrap_or_else(|message| panic!("{message}\n{text}"));
    }
}

/// Products of slices with strides, in batches, of a parameter, of another product under another shape, and of a concatenation; large enough for the packed kernel.
#[test]
fn products_read_slices_where_they_lie() {
    let whole = "%x: f32[3,40,50], %y: f32[60,90]";
    for (slices, product, out) in [
        (
            "%a = slice %x, start=[1,2,5], limit=[2,34,45] : f32[1,32,40] %b = reshape %a : f32[32,40]
             %c = slice %y, start=[3,10], limit=[43,50] : f32[40,40]",
            "dot %b, %c, contract=[1]x[0]",
            "f32[32,40]",
        ),
        (
            "%a = slice %x, start=[0,1,0], limit=[3,40,50], stride=[1,3,1] : f32[3,13,50]
             %b = slice %x, start=[0,0,0], limit=[3,40,50], stride=[2,1,1] : f32[2,40,50]
             %c = slice %a, start=[1,0,0], limit=[3,13,50] : f32[2,13,50]",
            "dot %c, %b, batch=[0]x[0], contract=[2]x[2]",
            "f32[2,13,40]",
        ),
        (
            "%p = dot %y, %y, contract=[1]x[1] : f32[60,60] %r = reshape %p : f32[30,120]
             %a = slice %r, start=[2,7], limit=[30,105] : f32[28,98] %b = slice %y, start=[1,0], limit=[60,90], stride=[2,1] : f32[30,90]
             %d = slice %b, start=[0,0], limit=[28,90] : f32[28,90]",
            "dot %a, %d, contract=[0]x[0]",
            "f32[98,90]",
        ),
        (
            "%t = tanh %y : f32[60,90] %k = concatenate %t, %y, axis=1 : f32[60,180]
             %a = slice %k, start=[10,40], limit=[50,150] : f32[40,110] %b = slice %k, start=[20,60], limit=[60,100] : f32[40,40]",
            "dot %a, %b, contract=[0]x[0]",
            "f32[110,40]",
        ),
    ] {
        let text = format!("func @f({whole}) -> {out} {{ {slices} %z = {product} : {out} return %z }}");
        let case = case(&text, Mood::Tame);
        check(&case).unwrap_or_else(|message| panic!("{message}"));
        let program = lowered(&case.inlined(), FuseOptions::default(), true).unwrap().to_string();
        assert!(!program.contains("\"slice"), "{program}");
    }
    // What a loop computes is not in memory for the product's sake: the slice is.
    check_text(&format!(
        "func @f({whole}) -> f32[40,40] {{ %t = tanh %y : f32[60,90] %a = slice %t, start=[0,0], limit=[40,30] : f32[40,30]
         %z = dot %a, %a, contract=[1]x[1] : f32[40,40] return %z }}"
    ));
}
