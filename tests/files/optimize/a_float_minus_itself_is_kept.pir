; test optimize pass=simplify_algebra
func @f(%x: f32, %i: i32) -> (f32, i32) {
  %a = sub %x, %x : f32
  %b = sub %i, %i : i32
  return %a, %b
}
; count: 1 sub
; input: %x = inf, %i = 7
; expect: nan
; expect: 0
