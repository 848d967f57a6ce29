; test interpret
func @f(%p: bool[3,2]) -> (bool[3], bool[3]) {
  %a = reduce and %p, axes=[1] : bool[3]
  %b = reduce or %p, axes=[1] : bool[3]
  return %a, %b
}
; input: %p = [[true, true], [true, false], [false, false]]
; expect: [true, false, false]
; expect: [true, true, false]
