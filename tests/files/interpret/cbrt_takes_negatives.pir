; test interpret
func @f0(%x: f64[3]) -> f64[3] {
  %y = cbrt %x : f64[3]
  return %y
}
; input: %x = [2.0, -8.0, 27.0]
; expect: [1.2599210498948732, -2.0, 3.0] ~ 1e-15

func @f1(%x: f32[3]) -> f32[3] {
  %y = cbrt %x : f32[3]
  return %y
}
; input: %x = [2.0, -8.0, 27.0]
; expect: [1.2599210498948732, -2.0, 3.0] ~ 1e-6

func @f2(%x: f64[4]) -> f64[4] {
  %y = cbrt %x : f64[4]
  return %y
}
; input: %x = [0.0, -0.0, -inf, nan]
; expect: [0.0, -0.0, -inf, nan]

func @f3(%x: f32[4]) -> f32[4] {
  %y = cbrt %x : f32[4]
  return %y
}
; input: %x = [0.0, -0.0, -inf, nan]
; expect: [0.0, -0.0, -inf, nan]
