; test interpret
func @f0(%x: f64[4], %y: f64[4]) -> f64[4] {
  %z = rem %x, %y : f64[4]
  return %z
}
; input: %x = [7.5, -7.5, 7.5, -7.5], %y = [2.0, 2.0, -2.0, -2.0]
; expect: [1.5, -1.5, 1.5, -1.5]

func @f1(%x: i32[3], %y: i32[3]) -> i32[3] {
  %z = rem %x, %y : i32[3]
  return %z
}
; input: %x = [7, -7, 7], %y = [3, 3, -3]
; expect: [1, -1, 1]

func @f2(%x: u8[1], %y: u8[1]) -> u8[1] {
  %z = rem %x, %y : u8[1]
  return %z
}
; input: %x = [200], %y = [7]
; expect: [4]
