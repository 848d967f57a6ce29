; test clif
func @f(%x: f32[64]) -> f32[64] {
  %result = abs %x : f32[64]
  return %result
}
; check: ; result
; check: abs at
