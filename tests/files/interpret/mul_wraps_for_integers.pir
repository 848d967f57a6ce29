; test interpret
func @f0(%x: f64[3], %y: f64[3]) -> f64[3] {
  %z = mul %x, %y : f64[3]
  return %z
}
; input: %x = [1.5, 0.0, -0.0], %y = [2.0, inf, 3.0]
; expect: [3.0, nan, -0.0]

func @f1(%x: i32[2], %y: i32[2]) -> i32[2] {
  %z = mul %x, %y : i32[2]
  return %z
}
; input: %x = [65536, -3], %y = [65536, 7]
; expect: [0, -21]

func @f2(%x: u8[1], %y: u8[1]) -> u8[1] {
  %z = mul %x, %y : u8[1]
  return %z
}
; input: %x = [16], %y = [17]
; expect: [16]
