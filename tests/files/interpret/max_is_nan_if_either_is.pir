; test interpret
func @f0(%x: f32[5], %y: f32[5]) -> f32[5] {
  %z = max %x, %y : f32[5]
  return %z
}
; input: %x = [1.0, -1.0, nan, 1.0, -inf], %y = [2.0, -2.0, 1.0, nan, 5.0]
; expect: [2.0, -1.0, nan, nan, 5.0]

func @f1(%x: i32[2], %y: i32[2]) -> i32[2] {
  %z = max %x, %y : i32[2]
  return %z
}
; input: %x = [-5, 3], %y = [4, -9]
; expect: [4, 3]

func @f2(%x: u8[1], %y: u8[1]) -> u8[1] {
  %z = max %x, %y : u8[1]
  return %z
}
; input: %x = [255], %y = [1]
; expect: [255]
