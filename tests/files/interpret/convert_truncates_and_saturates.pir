; test interpret
func @to_i32(%x: f64[6]) -> i32[6] {
  %y = convert %x : i32[6]
  return %y
}
; input: %x = [1.9, -1.9, 1e10, -1e10, inf, nan]
; expect: [1, -1, 2147483647, -2147483648, 2147483647, 0]

func @to_u8(%x: f32[4]) -> u8[4] {
  %y = convert %x : u8[4]
  return %y
}
; input: %x = [255.9, 256.0, -1.0, 0.5]
; expect: [255, 255, 0, 0]

func @to_bool(%x: f64[4]) -> bool[4] {
  %y = convert %x : bool[4]
  return %y
}
; input: %x = [0.0, -0.0, 0.5, nan]
; expect: [false, false, true, true]

func @from_bool(%x: bool[2]) -> f32[2] {
  %y = convert %x : f32[2]
  return %y
}
; input: %x = [true, false]
; expect: [1, 0]

func @rounds(%x: f64[2]) -> f32[2] {
  %y = convert %x : f32[2]
  return %y
}
; input: %x = [0.1, 1e39]
; expect: [0.1, inf]
