; test interpret
func @f0(%x: f64[2]) -> f64[2] {
  %y = sinh %x : f64[2]
  return %y
}
; input: %x = [1.0, -1.0]
; expect: [1.1752011936438014, -1.1752011936438014] ~ 1e-15

func @f1(%x: f32[2]) -> f32[2] {
  %y = sinh %x : f32[2]
  return %y
}
; input: %x = [1.0, -1.0]
; expect: [1.1752011936438014, -1.1752011936438014] ~ 1e-6

func @f2(%x: f64[4]) -> f64[4] {
  %y = sinh %x : f64[4]
  return %y
}
; input: %x = [0.0, -0.0, inf, -inf]
; expect: [0.0, -0.0, inf, -inf]

func @f3(%x: f32[4]) -> f32[4] {
  %y = sinh %x : f32[4]
  return %y
}
; input: %x = [0.0, -0.0, inf, -inf]
; expect: [0.0, -0.0, inf, -inf]
