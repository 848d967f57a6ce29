; test interpret
func @f(%x: i32[2,4]) -> (i32[2,2,3], i32[2,2,2]) {
  %a = windows %x, axes=[1], size=[3] : i32[2,2,3]
  %b = windows %x, axes=[1], size=[2], dilation=[2] : i32[2,2,2]
  return %a, %b
}
; input: %x = [[1, 2, 3, 4], [5, 6, 7, 8]]
; expect: [[[1, 2, 3], [2, 3, 4]], [[5, 6, 7], [6, 7, 8]]]
; expect: [[[1, 3], [2, 4]], [[5, 7], [6, 8]]]
