; test loops
func @f(%x: f32[2,10]) -> f32[1,5] {
  %y = reduce_window max %x, size=[2,2], stride=[2,2] : f32[1,5]
  return %y
}
; check: stride 2 : f32x4
; check: max
; input: %x = [[1, 2, 3, 9, 5, 6, 7, 8, 0, 0], [1, 4, 3, 2, 5, 7, 8, 7, -1, -2]]
; expect: [[4, 9, 7, 8, 0]]
