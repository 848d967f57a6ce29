; test interpret
func @f0(%x: f64[3]) -> f64[3] {
  %y = acos %x : f64[3]
  return %y
}
; input: %x = [-1.0, 0.5, 0.0]
; expect: [3.141592653589793, 1.0471975511965979, 1.5707963267948966] ~ 1e-15

func @f1(%x: f32[3]) -> f32[3] {
  %y = acos %x : f32[3]
  return %y
}
; input: %x = [-1.0, 0.5, 0.0]
; expect: [3.141592653589793, 1.0471975511965979, 1.5707963267948966] ~ 1e-6

func @f2(%x: f64[3]) -> f64[3] {
  %y = acos %x : f64[3]
  return %y
}
; input: %x = [1.0, -1.5, nan]
; expect: [0.0, nan, nan]

func @f3(%x: f32[3]) -> f32[3] {
  %y = acos %x : f32[3]
  return %y
}
; input: %x = [1.0, -1.5, nan]
; expect: [0.0, nan, nan]
