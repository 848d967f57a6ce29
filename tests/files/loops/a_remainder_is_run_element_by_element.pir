; test loops
func @f(%x: f32[5]) -> f32[5] {
  %y = neg %x : f32[5]
  return %y
}
; check: f32x4
; check: neg
; check: : f32
; input: %x = [1, 2, 3, 4, 5]
; expect: [-1, -2, -3, -4, -5]
