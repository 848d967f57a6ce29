; test interpret
func @f0(%x: f64[5]) -> f64[5] {
  %y = neg %x : f64[5]
  return %y
}
; input: %x = [1.5, 0.0, -0.0, inf, nan]
; expect: [-1.5, -0.0, 0.0, -inf, nan]

func @f1(%x: i32[2]) -> i32[2] {
  %y = neg %x : i32[2]
  return %y
}
; input: %x = [5, -2147483648]
; expect: [-5, -2147483648]

func @f2(%x: i64[2]) -> i64[2] {
  %y = neg %x : i64[2]
  return %y
}
; input: %x = [-9223372036854775808, 7]
; expect: [-9223372036854775808, -7]

func @f3(%x: u8[3]) -> u8[3] {
  %y = neg %x : u8[3]
  return %y
}
; input: %x = [0, 1, 200]
; expect: [0, 255, 56]
