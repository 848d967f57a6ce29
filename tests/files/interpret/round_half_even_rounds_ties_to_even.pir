; test interpret
func @f0(%x: f64[8]) -> f64[8] {
  %y = round_half_even %x : f64[8]
  return %y
}
; input: %x = [0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6, nan]
; expect: [0.0, 2.0, 2.0, -0.0, -2.0, 2.0, 3.0, nan]

func @f1(%x: f32[2]) -> f32[2] {
  %y = round_half_even %x : f32[2]
  return %y
}
; input: %x = [8388609.0, -3.5]
; expect: [8388609.0, -4.0]
