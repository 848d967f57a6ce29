; test interpret
func @f0(%x: f32[4], %y: f32[4]) -> f32[4] {
  %z = div %x, %y : f32[4]
  return %z
}
; input: %x = [1.0, -1.0, 0.0, 1.0], %y = [4.0, 0.0, 0.0, inf]
; expect: [0.25, -inf, nan, 0.0]

func @f1(%x: i32[4], %y: i32[4]) -> i32[4] {
  %z = div %x, %y : i32[4]
  return %z
}
; input: %x = [7, -7, 7, -7], %y = [2, 2, -2, -2]
; expect: [3, -3, -3, 3]

func @f2(%x: u8[1], %y: u8[1]) -> u8[1] {
  %z = div %x, %y : u8[1]
  return %z
}
; input: %x = [200], %y = [7]
; expect: [28]
