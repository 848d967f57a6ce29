; test clif
func @f(%x: f32[64], %y: f32[64]) -> f32[64] {
  %z = add %x, %y : f32[64]
  return %z
}
; check: function
; check: load.f32x4
; check: fadd
; check: store
