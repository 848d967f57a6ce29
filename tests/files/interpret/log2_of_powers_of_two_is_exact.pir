; test interpret
func @f0(%x: f64[1]) -> f64[1] {
  %y = log2 %x : f64[1]
  return %y
}
; input: %x = [3.0]
; expect: [1.584962500721156] ~ 1e-15

func @f1(%x: f32[1]) -> f32[1] {
  %y = log2 %x : f32[1]
  return %y
}
; input: %x = [3.0]
; expect: [1.584962500721156] ~ 1e-6

func @f2(%x: f64[6]) -> f64[6] {
  %y = log2 %x : f64[6]
  return %y
}
; input: %x = [1.0, 8.0, 0.25, 0.0, -1.0, inf]
; expect: [0.0, 3.0, -2.0, -inf, nan, inf]

func @f3(%x: f32[6]) -> f32[6] {
  %y = log2 %x : f32[6]
  return %y
}
; input: %x = [1.0, 8.0, 0.25, 0.0, -1.0, inf]
; expect: [0.0, 3.0, -2.0, -inf, nan, inf]
