; test clif
func @f(%x: f32[64]) -> f32[64] {
  %y = exp %x : f32[64]
  return %y
}
; check: f32x4
; check-not: call
; input: %x = 0
; expect: 1
