; test grad mode=vjp
func @f(%x: f64[3]) -> f64[3] {
  %y = digamma %x : f64[3]
  return %y
}
; check: polygamma
; input: %x = [1.0, 0.5, -1.0], %y_ct = 1.0
; expect: [-0.5772156649015329, -1.9635100260214235, nan] ~ 1e-14
; expect: [1.6449340668482264, 4.934802200544679, inf] ~ 1e-14
