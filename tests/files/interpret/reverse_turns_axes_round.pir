; test interpret
func @f(%x: i32[2,3]) -> (i32[2,3], i32[2,3], i32[2,3]) {
  %a = reverse %x, axes=[0] : i32[2,3]
  %b = reverse %x, axes=[1] : i32[2,3]
  %c = reverse %x, axes=[0,1] : i32[2,3]
  return %a, %b, %c
}
; input: %x = [[1, 2, 3], [4, 5, 6]]
; expect: [[4, 5, 6], [1, 2, 3]]
; expect: [[3, 2, 1], [6, 5, 4]]
; expect: [[6, 5, 4], [3, 2, 1]]
