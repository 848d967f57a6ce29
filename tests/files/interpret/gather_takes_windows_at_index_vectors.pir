; test interpret
func @f(%x: i32[3,3], %i: i32[2,2]) -> i32[2,2,2] {
  %y = gather %x, %i, offset=[1,2], collapsed=[], map=[0,1], vector_axis=1, mode=drop, sizes=[2,2] : i32[2,2,2]
  return %y
}
; input: %x = [[1, 2, 3], [4, 5, 6], [7, 8, 9]], %i = [[1, 0], [1, 2]]
; expect: [[[4, 5], [7, 8]], [[0, 0], [0, 0]]]
