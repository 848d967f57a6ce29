; test grad mode=vjp
func @f(%x: f64[2]) -> f64[2] {
  %y = bessel_i1e %x : f64[2]
  return %y
}
; check: bessel_i0e %x
; input: %x = [0.0, 1.0], %y_ct = 1.0
; expect: [0.0, 0.20791041534970845] ~ 1e-14
; expect: [0.5, 0.04993877689422354] ~ 1e-14
