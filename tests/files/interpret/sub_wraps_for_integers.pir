; test interpret
func @f0(%x: f64[2], %y: f64[2]) -> f64[2] {
  %z = sub %x, %y : f64[2]
  return %z
}
; input: %x = [1.5, inf], %y = [2.0, inf]
; expect: [-0.5, nan]

func @f1(%x: i64[1], %y: i64[1]) -> i64[1] {
  %z = sub %x, %y : i64[1]
  return %z
}
; input: %x = [-9223372036854775808], %y = [1]
; expect: [9223372036854775807]

func @f2(%x: u8[1], %y: u8[1]) -> u8[1] {
  %z = sub %x, %y : u8[1]
  return %z
}
; input: %x = [3], %y = [5]
; expect: [254]
