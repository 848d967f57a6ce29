; test interpret
func @f0(%x: f64[3]) -> f64[3] {
  %y = sin %x : f64[3]
  return %y
}
; input: %x = [1.5707963267948966, 0.5235987755982989, -0.5235987755982989]
; expect: [1.0, 0.5, -0.5] ~ 1e-15

func @f1(%x: f32[3]) -> f32[3] {
  %y = sin %x : f32[3]
  return %y
}
; input: %x = [1.5707963267948966, 0.5235987755982989, -0.5235987755982989]
; expect: [1.0, 0.5, -0.5] ~ 1e-6

func @f2(%x: f64[4]) -> f64[4] {
  %y = sin %x : f64[4]
  return %y
}
; input: %x = [0.0, -0.0, inf, nan]
; expect: [0.0, -0.0, nan, nan]

func @f3(%x: f32[4]) -> f32[4] {
  %y = sin %x : f32[4]
  return %y
}
; input: %x = [0.0, -0.0, inf, nan]
; expect: [0.0, -0.0, nan, nan]
