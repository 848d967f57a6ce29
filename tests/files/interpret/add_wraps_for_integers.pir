; test interpret
func @f0(%x: f32[4], %y: f32[4]) -> f32[4] {
  %z = add %x, %y : f32[4]
  return %z
}
; input: %x = [1.5, inf, inf, 16777216.0], %y = [2.0, 1.0, -inf, 1.0]
; expect: [3.5, inf, nan, 16777216.0]

func @f1(%x: i32[2], %y: i32[2]) -> i32[2] {
  %z = add %x, %y : i32[2]
  return %z
}
; input: %x = [2147483647, -1], %y = [1, 1]
; expect: [-2147483648, 0]

func @f2(%x: u8[1], %y: u8[1]) -> u8[1] {
  %z = add %x, %y : u8[1]
  return %z
}
; input: %x = [250], %y = [10]
; expect: [4]
