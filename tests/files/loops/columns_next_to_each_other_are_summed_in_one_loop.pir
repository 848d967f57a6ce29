; test loops
func @f(%w: f64[64,3], %x: f64[64,8]) -> f64[3,8] {
  %y = dot %w, %x, contract=[0]x[0] : f64[3,8]
  return %y
}
; count: 2 splat
; check: load %x[i1 + 8*i2] : f64x2
; check: load %x[i1 + 8*i2 + 2] : f64x2
; check: load %x[i1 + 8*i2 + 4] : f64x2
; check: load %x[i1 + 8*i2 + 6] : f64x2
; check: store %y[8*i0 + i1]
; check: store %y[8*i0 + i1 + 6]
; input: %w = 0.5
; input: %x = 2.0
; expect: 64.0
