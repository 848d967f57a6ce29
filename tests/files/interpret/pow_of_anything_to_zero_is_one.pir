; test interpret
func @f0(%x: f64[4], %y: f64[4]) -> f64[4] {
  %z = pow %x, %y : f64[4]
  return %z
}
; input: %x = [2.0, 9.0, -2.0, 0.0], %y = [10.0, 0.5, 3.0, 2.0]
; expect: [1024.0, 3.0, -8.0, 0.0] ~ 1e-15

func @f1(%x: f64[5], %y: f64[5]) -> f64[5] {
  %z = pow %x, %y : f64[5]
  return %z
}
; input: %x = [0.0, nan, inf, -2.0, 0.0], %y = [0.0, 0.0, 0.0, 0.5, -1.0]
; expect: [1.0, 1.0, 1.0, nan, inf]
