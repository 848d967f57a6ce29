; test grad mode=vjp
func @f(%x: f64[3]) -> f64[3] {
  %y = cumulative logsumexp %x, axis=0 : f64[3]
  return %y
}
; input: %x = [0.0, 0.0, -inf], %y_ct = [0.0, 0.0, 1.0]
; expect: [0.0, 0.6931471805599453, 0.6931471805599453] ~ 1e-15
; expect: [0.5, 0.5, 0.0] ~ 1e-15
