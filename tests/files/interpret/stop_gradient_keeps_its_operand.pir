; test interpret
func @f(%x: f32[4]) -> f32[4] {
  %y = stop_gradient %x : f32[4]
  return %y
}
; input: %x = [1.5, -0.0, nan, inf]
; expect: [1.5, -0.0, nan, inf]
