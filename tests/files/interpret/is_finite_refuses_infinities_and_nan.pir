; test interpret
func @f0(%x: f64[5]) -> bool[5] {
  %y = is_finite %x : bool[5]
  return %y
}
; input: %x = [0.0, -1e+300, inf, -inf, nan]
; expect: [true, true, false, false, false]

func @f1(%x: f32[2]) -> bool[2] {
  %y = is_finite %x : bool[2]
  return %y
}
; input: %x = [3e+38, inf]
; expect: [true, false]
