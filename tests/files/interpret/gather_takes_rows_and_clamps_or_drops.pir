; test interpret
func @f(%x: i32[3,2], %i: i32[4]) -> (i32[4,2], i32[4,2]) {
  %a = gather %x, %i, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp, sizes=[1,2] : i32[4,2]
  %b = gather %x, %i, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=drop, sizes=[1,2] : i32[4,2]
  return %a, %b
}
; input: %x = [[1, 2], [3, 4], [5, 6]], %i = [2, -1, 3, 1]
; expect: [[5, 6], [1, 2], [5, 6], [3, 4]]
; expect: [[5, 6], [0, 0], [0, 0], [3, 4]]
