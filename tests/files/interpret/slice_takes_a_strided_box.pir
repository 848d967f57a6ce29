; test interpret
func @f(%x: i32[2,5]) -> (i32[1,3], i32[2,2], i32[2,0]) {
  %a = slice %x, start=[1,1], limit=[2,4] : i32[1,3]
  %b = slice %x, start=[0,1], limit=[2,5], stride=[1,3] : i32[2,2]
  %c = slice %x, start=[0,3], limit=[2,3] : i32[2,0]
  return %a, %b, %c
}
; input: %x = [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
; expect: [[7, 8, 9]]
; expect: [[2, 5], [7, 10]]
; expect: []
