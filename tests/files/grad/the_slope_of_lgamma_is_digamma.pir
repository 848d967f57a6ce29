; test grad mode=vjp
func @f(%x: f64[3]) -> f64[3] {
  %y = lgamma %x : f64[3]
  return %y
}
; check: digamma %x
; input: %x = [1.0, 2.0, 0.0], %y_ct = 1.0
; expect: [0.0, 0.0, inf] ~ 1e-14
; expect: [-0.5772156649015329, 0.42278433509846713, nan] ~ 1e-14
