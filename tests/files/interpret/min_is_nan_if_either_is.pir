; test interpret
func @f0(%x: f32[5], %y: f32[5]) -> f32[5] {
  %z = min %x, %y : f32[5]
  return %z
}
; input: %x = [1.0, -1.0, nan, 1.0, -inf], %y = [2.0, -2.0, 1.0, nan, 5.0]
; expect: [1.0, -2.0, nan, nan, -inf]

func @f1(%x: i64[2], %y: i64[2]) -> i64[2] {
  %z = min %x, %y : i64[2]
  return %z
}
; input: %x = [-5, 3], %y = [4, -9]
; expect: [-5, -9]
