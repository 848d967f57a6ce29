; test interpret
func @f(%x: f64[4]) -> f64[4] {
  %y = digamma %x : f64[4]
  return %y
}
; input: %x = [1.0, 2.0, 3.0, 0.0]
; expect: [-0.5772156649015329, 0.42278433509846713, 0.9227843350984671, nan] ~ 1e-14
