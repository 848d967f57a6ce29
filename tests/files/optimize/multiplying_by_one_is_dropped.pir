; test optimize pass=simplify_algebra
func @f(%x: f32[3]) -> f32[3] {
  %one = constant 1.0 : f32[3]
  %y = mul %one, %x : f32[3]
  return %y
}
; count: 0 mul
; check: return %x
; input: %x = [nan, -0.0, inf]
; expect: [nan, -0.0, inf]
