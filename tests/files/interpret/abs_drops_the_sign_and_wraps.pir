; test interpret
func @f0(%x: f32[4]) -> f32[4] {
  %y = abs %x : f32[4]
  return %y
}
; input: %x = [-1.5, -0.0, -inf, nan]
; expect: [1.5, 0.0, inf, nan]

func @f1(%x: i32[2]) -> i32[2] {
  %y = abs %x : i32[2]
  return %y
}
; input: %x = [-5, -2147483648]
; expect: [5, -2147483648]

func @f2(%x: i64[2]) -> i64[2] {
  %y = abs %x : i64[2]
  return %y
}
; input: %x = [-3, 4]
; expect: [3, 4]

func @f3(%x: u8[2]) -> u8[2] {
  %y = abs %x : u8[2]
  return %y
}
; input: %x = [0, 255]
; expect: [0, 255]
