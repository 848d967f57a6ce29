; test fuse
func @f(%x: f32[64,64], %w: f32[64,64]) -> f32[64,64] {
  %y = dot %x, %w, contract=[1]x[0] : f32[64,64]
  %z = neg %y : f32[64,64]
  return %z
}
; check: ; region 0: packed matrix product, stores %y
; check: ; region 1:
; check: neg
; input: %x = 0.25, %w = 2.0
; expect: -32
