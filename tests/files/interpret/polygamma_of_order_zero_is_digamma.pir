; test interpret
func @f(%n: f64[4], %x: f64[4]) -> f64[4] {
  %y = polygamma %n, %x : f64[4]
  return %y
}
; input: %n = [0.0, 1.0, 1.0, 0.5], %x = [1.0, 1.0, 0.0, 1.0]
; expect: [-0.5772156649015329, 1.6449340668482264, inf, nan] ~ 1e-14
