; test grad mode=vjp wrt=w
func @f(%x: f32[1024,64], %w: f32[64,32]) -> f32[1024,32] {
  %y = dot %x, %w, contract=[1]x[0] : f32[1024,32]
  return %y
}
; check: %w_ct = dot %x, %y_ct, contract=[0]x[0] : f32[64,32]
; check-not: 1024,32,64
; count: 2 dot
