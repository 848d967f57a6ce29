; test interpret
func @f(%x: bool[2]) -> bool[2] {
  %y = not %x : bool[2]
  return %y
}
; input: %x = [true, false]
; expect: [false, true]
