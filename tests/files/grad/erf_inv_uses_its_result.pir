; test grad mode=vjp
func @f(%x: f64[3]) -> f64[3] {
  %y = erf_inv %x : f64[3]
  return %y
}
; check: mul %y, %y
; input: %x = [0.0, 0.5, 1.0], %y_ct = 1.0
; expect: [0.0, 0.47693627620446987, inf] ~ 1e-14
; expect: [0.886226925452758, 1.1125848189719498, inf] ~ 1e-14
