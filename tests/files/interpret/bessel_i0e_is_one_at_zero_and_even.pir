; test interpret
func @f(%x: f64[4]) -> f64[4] {
  %y = bessel_i0e %x : f64[4]
  return %y
}
; input: %x = [0.0, -1.0, 1.0, inf]
; expect: [1.0, 0.46575960759364044, 0.46575960759364044, 0.0] ~ 1e-14
