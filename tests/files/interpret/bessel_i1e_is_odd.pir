; test interpret
func @f(%x: f64[3]) -> f64[3] {
  %y = bessel_i1e %x : f64[3]
  return %y
}
; input: %x = [0.0, -1.0, 1.0]
; expect: [0.0, -0.20791041534970845, 0.20791041534970845] ~ 1e-14
