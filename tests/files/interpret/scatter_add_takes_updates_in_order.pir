; test interpret
func @f(%x: i32[3], %i: i32[4], %u: i32[4]) -> i32[3] {
  %y = scatter add %x, %i, %u, offset=[], collapsed=[0], map=[0], vector_axis=1, mode=drop : i32[3]
  return %y
}
; input: %x = [2, 3, 5], %i = [1, 0, 1, 3], %u = [30, 20, 40, 90]
; expect: [22, 73, 5]
