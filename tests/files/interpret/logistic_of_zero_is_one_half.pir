; test interpret
func @f0(%x: f64[2]) -> f64[2] {
  %y = logistic %x : f64[2]
  return %y
}
; input: %x = [1.0, -1.0]
; expect: [0.7310585786300049, 0.2689414213699951] ~ 1e-15

func @f1(%x: f32[2]) -> f32[2] {
  %y = logistic %x : f32[2]
  return %y
}
; input: %x = [1.0, -1.0]
; expect: [0.7310585786300049, 0.2689414213699951] ~ 1e-6

func @f2(%x: f64[4]) -> f64[4] {
  %y = logistic %x : f64[4]
  return %y
}
; input: %x = [0.0, inf, -inf, nan]
; expect: [0.5, 1.0, 0.0, nan]

func @f3(%x: f32[4]) -> f32[4] {
  %y = logistic %x : f32[4]
  return %y
}
; input: %x = [0.0, inf, -inf, nan]
; expect: [0.5, 1.0, 0.0, nan]
