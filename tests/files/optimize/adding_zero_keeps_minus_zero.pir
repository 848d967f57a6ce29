; test optimize pass=simplify_algebra
func @f(%x: f32[2]) -> (f32[2], f32[2]) {
  %plus = constant 0.0 : f32[2]
  %minus = constant -0.0 : f32[2]
  %a = add %x, %plus : f32[2]
  %b = add %x, %minus : f32[2]
  return %a, %b
}
; count: 1 add
; check: return %a, %x
; input: %x = [-0.0, 1.0]
; expect: [0.0, 1.0]
; expect: [-0.0, 1.0]
