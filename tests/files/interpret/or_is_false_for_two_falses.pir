; test interpret
func @f(%x: bool[4], %y: bool[4]) -> bool[4] {
  %z = or %x, %y : bool[4]
  return %z
}
; input: %x = [true, true, false, false], %y = [true, false, true, false]
; expect: [true, true, true, false]
