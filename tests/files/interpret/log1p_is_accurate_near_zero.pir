; test interpret
func @f0(%x: f64[2]) -> f64[2] {
  %y = log1p %x : f64[2]
  return %y
}
; input: %x = [1.0, -0.5]
; expect: [0.6931471805599453, -0.6931471805599453] ~ 1e-15

func @f1(%x: f32[2]) -> f32[2] {
  %y = log1p %x : f32[2]
  return %y
}
; input: %x = [1.0, -0.5]
; expect: [0.6931471805599453, -0.6931471805599453] ~ 1e-6

func @f2(%x: f64[5]) -> f64[5] {
  %y = log1p %x : f64[5]
  return %y
}
; input: %x = [0.0, -0.0, -1.0, -2.0, inf]
; expect: [0.0, -0.0, -inf, nan, inf]

func @f3(%x: f32[5]) -> f32[5] {
  %y = log1p %x : f32[5]
  return %y
}
; input: %x = [0.0, -0.0, -1.0, -2.0, inf]
; expect: [0.0, -0.0, -inf, nan, inf]
