; test optimize
func @chain(%h: f32[2,8], %w: f32[8,8]) -> f32[2,8] {
  %p0 = dot %h, %w, contract=[1]x[0] : f32[2,8]
  %p1 = dot %p0, %w, contract=[1]x[0] : f32[2,8]
  %p2 = dot %p1, %w, contract=[1]x[0] : f32[2,8]
  %p3 = dot %p2, %w, contract=[1]x[0] : f32[2,8]
  %p4 = dot %p3, %w, contract=[1]x[0] : f32[2,8]
  return %p4
}
; count: 5 dot
; check-not: concatenate
