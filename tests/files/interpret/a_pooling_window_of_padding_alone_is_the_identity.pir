; test interpret
func @f(%x: f32[1], %n: u8[1]) -> (f32[2], f32[2], u8[2], u8[2]) {
  %a = reduce_window max %x, size=[1], low=[1] : f32[2]
  %b = reduce_window min %x, size=[1], low=[1] : f32[2]
  %c = reduce_window max %n, size=[1], low=[1] : u8[2]
  %d = reduce_window min %n, size=[1], low=[1] : u8[2]
  return %a, %b, %c, %d
}
; input: %x = [5.0], %n = [7]
; expect: [-inf, 5.0]
; expect: [inf, 5.0]
; expect: [0, 7]
; expect: [255, 7]
