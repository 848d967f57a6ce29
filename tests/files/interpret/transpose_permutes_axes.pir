; test interpret
func @f(%x: i32[2,3]) -> i32[3,2] {
  %y = transpose %x, perm=[1,0] : i32[3,2]
  return %y
}
; input: %x = [[1, 2, 3], [4, 5, 6]]
; expect: [[1, 4], [2, 5], [3, 6]]

func @g(%x: i32[1,2,3]) -> i32[3,1,2] {
  %y = transpose %x, perm=[2,0,1] : i32[3,1,2]
  return %y
}
; input: %x = [[[1, 2, 3], [4, 5, 6]]]
; expect: [[[1, 4]], [[2, 5]], [[3, 6]]]
