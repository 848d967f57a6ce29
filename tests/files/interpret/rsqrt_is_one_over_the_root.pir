; test interpret
func @f0(%x: f64[2]) -> f64[2] {
  %y = rsqrt %x : f64[2]
  return %y
}
; input: %x = [2.0, 4.0]
; expect: [0.7071067811865476, 0.5] ~ 1e-15

func @f1(%x: f32[2]) -> f32[2] {
  %y = rsqrt %x : f32[2]
  return %y
}
; input: %x = [2.0, 4.0]
; expect: [0.7071067811865476, 0.5] ~ 1e-6

func @f2(%x: f64[3]) -> f64[3] {
  %y = rsqrt %x : f64[3]
  return %y
}
; input: %x = [0.0, inf, -1.0]
; expect: [inf, 0.0, nan]

func @f3(%x: f32[3]) -> f32[3] {
  %y = rsqrt %x : f32[3]
  return %y
}
; input: %x = [0.0, inf, -1.0]
; expect: [inf, 0.0, nan]
