; test fuse
func @f(%x: f32[1,32], %w: f32[32,32]) -> f32[1,32] {
  %y = dot %x, %w, contract=[1]x[0] : f32[1,32]
  %z = tanh %y : f32[1,32]
  return %z
}
; check: ; region 0: loop over [1,32], stores %y
; check: its sums are long, and storing few of them costs little
; check: ; region 1: loop over [1,32], stores %z
; input: %x = 0.0, %w = 2.0
; expect: 0.0
