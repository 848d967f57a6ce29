; test interpret
func @f0(%x: f64[3]) -> f64[3] {
  %y = exp %x : f64[3]
  return %y
}
; input: %x = [1.0, -1.0, 0.6931471805599453]
; expect: [2.718281828459045, 0.36787944117144233, 2.0] ~ 1e-15

func @f1(%x: f32[3]) -> f32[3] {
  %y = exp %x : f32[3]
  return %y
}
; input: %x = [1.0, -1.0, 0.6931471805599453]
; expect: [2.718281828459045, 0.36787944117144233, 2.0] ~ 1e-6

func @f2(%x: f64[4]) -> f64[4] {
  %y = exp %x : f64[4]
  return %y
}
; input: %x = [0.0, -inf, inf, nan]
; expect: [1.0, 0.0, inf, nan]

func @f3(%x: f32[4]) -> f32[4] {
  %y = exp %x : f32[4]
  return %y
}
; input: %x = [0.0, -inf, inf, nan]
; expect: [1.0, 0.0, inf, nan]
