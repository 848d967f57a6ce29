; test loops
func @f(%x: f32[8]) -> f32[8] {
  %y = reverse %x, axes=[0] : f32[8]
  return %y
}
; check: stride -1
; input: %x = [1, 2, 3, 4, 5, 6, 7, 8]
; expect: [8, 7, 6, 5, 4, 3, 2, 1]
