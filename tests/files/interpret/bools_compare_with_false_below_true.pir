; test interpret
func @f(%x: bool[4], %y: bool[4]) -> (bool[4], bool[4]) {
  %eq = compare eq %x, %y : bool[4]
  %lt = compare lt %x, %y : bool[4]
  return %eq, %lt
}
; input: %x = [true, true, false, false], %y = [true, false, true, false]
; expect: [true, false, false, true]
; expect: [false, false, true, false]
