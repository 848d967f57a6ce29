; test interpret
func @f(%x: f64[4]) -> f64[4] {
  %y = cumulative logsumexp %x, axis=0 : f64[4]
  return %y
}
; input: %x = [-inf, 700.0, 700.0, 2000.0]
; expect: [-inf, 700.0, 700.6931471805599, 2000.0] ~ 1e-15
