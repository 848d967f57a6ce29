; test interpret
func @f0(%x: f64[3]) -> f64[3] {
  %y = atan %x : f64[3]
  return %y
}
; input: %x = [1.0, inf, -inf]
; expect: [0.7853981633974483, 1.5707963267948966, -1.5707963267948966] ~ 1e-15

func @f1(%x: f32[3]) -> f32[3] {
  %y = atan %x : f32[3]
  return %y
}
; input: %x = [1.0, inf, -inf]
; expect: [0.7853981633974483, 1.5707963267948966, -1.5707963267948966] ~ 1e-6

func @f2(%x: f64[3]) -> f64[3] {
  %y = atan %x : f64[3]
  return %y
}
; input: %x = [0.0, -0.0, nan]
; expect: [0.0, -0.0, nan]

func @f3(%x: f32[3]) -> f32[3] {
  %y = atan %x : f32[3]
  return %y
}
; input: %x = [0.0, -0.0, nan]
; expect: [0.0, -0.0, nan]
