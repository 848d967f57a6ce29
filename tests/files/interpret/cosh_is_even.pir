; test interpret
func @f0(%x: f64[2]) -> f64[2] {
  %y = cosh %x : f64[2]
  return %y
}
; input: %x = [1.0, -1.0]
; expect: [1.5430806348152437, 1.5430806348152437] ~ 1e-15

func @f1(%x: f32[2]) -> f32[2] {
  %y = cosh %x : f32[2]
  return %y
}
; input: %x = [1.0, -1.0]
; expect: [1.5430806348152437, 1.5430806348152437] ~ 1e-6

func @f2(%x: f64[3]) -> f64[3] {
  %y = cosh %x : f64[3]
  return %y
}
; input: %x = [0.0, inf, -inf]
; expect: [1.0, inf, inf]

func @f3(%x: f32[3]) -> f32[3] {
  %y = cosh %x : f32[3]
  return %y
}
; input: %x = [0.0, inf, -inf]
; expect: [1.0, inf, inf]
