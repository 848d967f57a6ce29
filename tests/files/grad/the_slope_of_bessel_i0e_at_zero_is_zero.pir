; test grad mode=vjp
func @f(%x: f64[2]) -> f64[2] {
  %y = bessel_i0e %x : f64[2]
  return %y
}
; check: bessel_i1e %x
; input: %x = [0.0, 1.0], %y_ct = 1.0
; expect: [1.0, 0.46575960759364044] ~ 1e-14
; expect: [0.0, -0.257849192243932] ~ 1e-14
