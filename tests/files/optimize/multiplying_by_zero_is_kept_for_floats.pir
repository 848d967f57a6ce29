; test optimize pass=simplify_algebra
func @f(%x: f32[2], %i: i32[2]) -> (f32[2], i32[2]) {
  %z = constant 0.0 : f32[2]
  %k = constant 0 : i32[2]
  %a = mul %x, %z : f32[2]
  %b = mul %i, %k : i32[2]
  return %a, %b
}
; count: 1 mul
; input: %x = [inf, -1.0], %i = [5, 6]
; expect: [nan, -0.0]
; expect: [0, 0]
