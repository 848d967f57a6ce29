; test loops
func @f(%x: f32[4096]) -> f32 {
  %z = reduce add %x, axes=[0] : f32
  return %z
}
; check: carry
; check: reduce_lanes add
; check: store %z[0]
; input: %x = 0.5
; expect: 2048
