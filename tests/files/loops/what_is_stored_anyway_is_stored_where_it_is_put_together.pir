; test loops
func @f(%x: f32[16,64], %w: f32[64,64]) -> (f32[32,64], f32[16,64]) {
  %h1 = tanh %x : f32[16,64]
  %p1 = dot %h1, %w, contract=[1]x[0] : f32[16,64]
  %h2 = tanh %p1 : f32[16,64]
  %p2 = dot %h2, %w, contract=[1]x[0] : f32[16,64]
  %h = concatenate %h1, %h2, axis=0 : f32[32,64]
  return %h, %p2
}
; check-not: kernel @h "
; check: kernel @h1 "
; check: store %h[i0
; check: kernel @h2 "
; check: store %h[i1 + 1024
