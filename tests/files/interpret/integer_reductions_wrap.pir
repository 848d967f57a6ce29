; test interpret
func @f(%x: u8[3], %y: i32[2]) -> (u8, i32) {
  %a = reduce add %x, axes=[0] : u8
  %b = reduce mul %y, axes=[0] : i32
  return %a, %b
}
; input: %x = [200, 50, 10], %y = [65536, 65536]
; expect: 4
; expect: 0
