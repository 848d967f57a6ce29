; test interpret
func @f(%x: i32[2,1], %y: i32[2,2]) -> (i32[2,3], i32[2,5], i32[4,1]) {
  %a = concatenate %x, %y, axis=1 : i32[2,3]
  %b = concatenate %y, %x, %y, axis=1 : i32[2,5]
  %c = concatenate %x, %x, axis=0 : i32[4,1]
  return %a, %b, %c
}
; input: %x = [[1], [2]], %y = [[3, 4], [5, 6]]
; expect: [[1, 3, 4], [2, 5, 6]]
; expect: [[3, 4, 1, 3, 4], [5, 6, 2, 5, 6]]
; expect: [[1], [2], [1], [2]]
