; test interpret
func @f(%x: i32[3], %y: i32[3]) -> (i32[3], i32[3]) {
  %q = div %x, %y : i32[3]
  %r = rem %x, %y : i32[3]
  return %q, %r
}
; input: %x = [7, -7, 0], %y = 0
; expect: [-1, -1, -1]
; expect: [7, -7, 0]

func @unsigned(%x: u8[2], %y: u8[2]) -> (u8[2], u8[2]) {
  %q = div %x, %y : u8[2]
  %r = rem %x, %y : u8[2]
  return %q, %r
}
; input: %x = [7, 0], %y = 0
; expect: 255
; expect: [7, 0]
