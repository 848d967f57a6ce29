; test fuse
func @f(%x: f32[4,8], %w: f32[16,8]) -> f32[4,16] {
  %y = dot %x, %w, contract=[1]x[1] : f32[4,16]
  %z = neg %y : f32[4,16]
  return %z
}
; check: ; region 0: loop over [4,16], stores %y
; check: its vectors lie along its sums
; check: ; region 1: loop over [4,16], stores %z
; input: %x = 1.0, %w = 2.0
; expect: -16.0
