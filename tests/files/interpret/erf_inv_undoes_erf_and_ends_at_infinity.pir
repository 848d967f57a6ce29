; test interpret
func @f(%x: f64[4]) -> f64[4] {
  %y = erf_inv %x : f64[4]
  return %y
}
; input: %x = [0.0, 0.5204998778130465, -1.0, 2.0]
; expect: [0.0, 0.5, -inf, nan] ~ 1e-14
