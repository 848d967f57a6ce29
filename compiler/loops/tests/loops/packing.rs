//! Tensor programs whose products by tiles share a packed right factor, against the interpreter of the tensor IR.

use pullback_optimize::fuse::{Cutting, FuseOptions};

use super::support::inputs::Mood;
use super::support::tolerance::Bounds;
use super::support::{case, lowered, run_lowered};

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
