; test interpret
func @f0(%x: f64[2]) -> f64[2] {
  %y = exp2 %x : f64[2]
  return %y
}
; input: %x = [0.5, -0.5]
; expect: [1.4142135623730951, 0.7071067811865476] ~ 1e-15

func @f1(%x: f32[2]) -> f32[2] {
  %y = exp2 %x : f32[2]
  return %y
}
; input: %x = [0.5, -0.5]
; expect: [1.4142135623730951, 0.7071067811865476] ~ 1e-6

func @f2(%x: f64[6]) -> f64[6] {
  %y = exp2 %x : f64[6]
  return %y
}
; input: %x = [0.0, 3.0, -2.0, -inf, inf, nan]
; expect: [1.0, 8.0, 0.25, 0.0, inf, nan]

func @f3(%x: f32[6]) -> f32[6] {
  %y = exp2 %x : f32[6]
  return %y
}
; input: %x = [0.0, 3.0, -2.0, -inf, inf, nan]
; expect: [1.0, 8.0, 0.25, 0.0, inf, nan]
