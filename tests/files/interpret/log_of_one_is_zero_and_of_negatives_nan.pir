; test interpret
func @f0(%x: f64[3]) -> f64[3] {
  %y = log %x : f64[3]
  return %y
}
; input: %x = [2.718281828459045, 2.0, 0.5]
; expect: [1.0, 0.6931471805599453, -0.6931471805599453] ~ 1e-15

func @f1(%x: f32[3]) -> f32[3] {
  %y = log %x : f32[3]
  return %y
}
; input: %x = [2.718281828459045, 2.0, 0.5]
; expect: [1.0, 0.6931471805599453, -0.6931471805599453] ~ 1e-6

func @f2(%x: f64[6]) -> f64[6] {
  %y = log %x : f64[6]
  return %y
}
; input: %x = [1.0, 0.0, -0.0, -1.0, inf, nan]
; expect: [0.0, -inf, -inf, nan, inf, nan]

func @f3(%x: f32[6]) -> f32[6] {
  %y = log %x : f32[6]
  return %y
}
; input: %x = [1.0, 0.0, -0.0, -1.0, inf, nan]
; expect: [0.0, -inf, -inf, nan, inf, nan]
