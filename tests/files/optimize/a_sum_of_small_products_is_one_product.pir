; test optimize
func @weight_gradient(%h0: f32[2,8], %g0: f32[2,8], %h1: f32[2,8], %g1: f32[2,8], %h2: f32[2,8], %g2: f32[2,8], %h3: f32[2,8], %g3: f32[2,8], %c: f32[8,8]) -> f32[8,8] {
  %p0 = dot %h0, %g0, contract=[0]x[0] : f32[8,8]
  %p1 = dot %h1, %g1, contract=[0]x[0] : f32[8,8]
  %p2 = dot %h2, %g2, contract=[0]x[0] : f32[8,8]
  %p3 = dot %h3, %g3, contract=[0]x[0] : f32[8,8]
  %s1 = add %p0, %p1 : f32[8,8]
  %s2 = add %s1, %c : f32[8,8]
  %s3 = add %p2, %s2 : f32[8,8]
  %s4 = add %s3, %p3 : f32[8,8]
  return %s4
}
; count: 2 concatenate
; count: 1 dot
; check: concatenate %h2, %h0, %h1, %h3, axis=0
; check: concatenate %g2, %g0, %g1, %g3, axis=0
; check: dot
; check: %s4 = add
