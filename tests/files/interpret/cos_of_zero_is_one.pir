; test interpret
func @f0(%x: f64[2]) -> f64[2] {
  %y = cos %x : f64[2]
  return %y
}
; input: %x = [1.0471975511965979, 3.141592653589793]
; expect: [0.5, -1.0] ~ 1e-15

func @f1(%x: f32[2]) -> f32[2] {
  %y = cos %x : f32[2]
  return %y
}
; input: %x = [1.0471975511965979, 3.141592653589793]
; expect: [0.5, -1.0] ~ 1e-6

func @f2(%x: f64[3]) -> f64[3] {
  %y = cos %x : f64[3]
  return %y
}
; input: %x = [0.0, inf, nan]
; expect: [1.0, nan, nan]

func @f3(%x: f32[3]) -> f32[3] {
  %y = cos %x : f32[3]
  return %y
}
; input: %x = [0.0, inf, nan]
; expect: [1.0, nan, nan]
