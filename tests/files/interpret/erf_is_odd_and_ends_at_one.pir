; test interpret
func @f0(%x: f64[2]) -> f64[2] {
  %y = erf %x : f64[2]
  return %y
}
; input: %x = [1.0, -0.5]
; expect: [0.8427007929497149, -0.5204998778130465] ~ 1e-15

func @f1(%x: f32[2]) -> f32[2] {
  %y = erf %x : f32[2]
  return %y
}
; input: %x = [1.0, -0.5]
; expect: [0.8427007929497149, -0.5204998778130465] ~ 1e-6

func @f2(%x: f64[5]) -> f64[5] {
  %y = erf %x : f64[5]
  return %y
}
; input: %x = [0.0, -0.0, inf, -inf, nan]
; expect: [0.0, -0.0, 1.0, -1.0, nan]

func @f3(%x: f32[5]) -> f32[5] {
  %y = erf %x : f32[5]
  return %y
}
; input: %x = [0.0, -0.0, inf, -inf, nan]
; expect: [0.0, -0.0, 1.0, -1.0, nan]
