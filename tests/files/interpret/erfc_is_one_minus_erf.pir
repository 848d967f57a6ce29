; test interpret
func @f0(%x: f64[2]) -> f64[2] {
  %y = erfc %x : f64[2]
  return %y
}
; input: %x = [1.0, -0.5]
; expect: [0.15729920705028513, 1.5204998778130465] ~ 1e-15

func @f1(%x: f32[2]) -> f32[2] {
  %y = erfc %x : f32[2]
  return %y
}
; input: %x = [1.0, -0.5]
; expect: [0.15729920705028513, 1.5204998778130465] ~ 1e-6

func @f2(%x: f64[4]) -> f64[4] {
  %y = erfc %x : f64[4]
  return %y
}
; input: %x = [0.0, inf, -inf, nan]
; expect: [1.0, 0.0, 2.0, nan]

func @f3(%x: f32[4]) -> f32[4] {
  %y = erfc %x : f32[4]
  return %y
}
; input: %x = [0.0, inf, -inf, nan]
; expect: [1.0, 0.0, 2.0, nan]
