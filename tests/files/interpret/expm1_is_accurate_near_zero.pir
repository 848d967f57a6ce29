; test interpret
func @f0(%x: f64[2]) -> f64[2] {
  %y = expm1 %x : f64[2]
  return %y
}
; input: %x = [1.0, -1.0]
; expect: [1.718281828459045, -0.6321205588285577] ~ 1e-15

func @f1(%x: f32[2]) -> f32[2] {
  %y = expm1 %x : f32[2]
  return %y
}
; input: %x = [1.0, -1.0]
; expect: [1.718281828459045, -0.6321205588285577] ~ 1e-6

func @f2(%x: f64[4]) -> f64[4] {
  %y = expm1 %x : f64[4]
  return %y
}
; input: %x = [0.0, -0.0, -inf, inf]
; expect: [0.0, -0.0, -1.0, inf]

func @f3(%x: f32[4]) -> f32[4] {
  %y = expm1 %x : f32[4]
  return %y
}
; input: %x = [0.0, -0.0, -inf, inf]
; expect: [0.0, -0.0, -1.0, inf]
