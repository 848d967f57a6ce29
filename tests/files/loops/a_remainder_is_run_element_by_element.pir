; test loops
func @f(%x: f32[7]) -> f32[7] {
  %y = neg %x : f32[7]
  return %y
}
; check: f32x4
; check: : f32
; input: %x = [1, 2, 3, 4, 5, 6, 7]
; expect: [-1, -2, -3, -4, -5, -6, -7]
