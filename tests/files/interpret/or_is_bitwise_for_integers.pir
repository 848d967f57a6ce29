; test interpret
func @f(%x: u8[3], %y: u8[3]) -> u8[3] {
  %z = or %x, %y : u8[3]
  return %z
}
; input: %x = [12, 240, 0], %y = [10, 15, 0]
; expect: [14, 255, 0]
