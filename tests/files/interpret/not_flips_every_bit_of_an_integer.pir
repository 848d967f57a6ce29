; test interpret
func @f(%x: u8[3]) -> u8[3] {
  %y = not %x : u8[3]
  return %y
}
; input: %x = [0, 255, 170]
; expect: [255, 0, 85]
