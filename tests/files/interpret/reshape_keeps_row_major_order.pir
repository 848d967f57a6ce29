; test interpret
func @f(%x: i32[2,3]) -> (i32[3,2], i32[6]) {
  %a = reshape %x : i32[3,2]
  %b = reshape %x : i32[6]
  return %a, %b
}
; input: %x = [[1, 2, 3], [4, 5, 6]]
; expect: [[1, 2], [3, 4], [5, 6]]
; expect: [1, 2, 3, 4, 5, 6]
