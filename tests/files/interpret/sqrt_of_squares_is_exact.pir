; test interpret
func @f0(%x: f64[1]) -> f64[1] {
  %y = sqrt %x : f64[1]
  return %y
}
; input: %x = [2.0]
; expect: [1.4142135623730951] ~ 1e-15

func @f1(%x: f32[1]) -> f32[1] {
  %y = sqrt %x : f32[1]
  return %y
}
; input: %x = [2.0]
; expect: [1.4142135623730951] ~ 1e-6

func @f2(%x: f64[6]) -> f64[6] {
  %y = sqrt %x : f64[6]
  return %y
}
; input: %x = [4.0, 0.0, -0.0, -1.0, inf, nan]
; expect: [2.0, 0.0, -0.0, nan, inf, nan]

func @f3(%x: f32[6]) -> f32[6] {
  %y = sqrt %x : f32[6]
  return %y
}
; input: %x = [4.0, 0.0, -0.0, -1.0, inf, nan]
; expect: [2.0, 0.0, -0.0, nan, inf, nan]
