; test interpret
func @batched(%x: i32[2,1,2], %y: i32[2,2,1]) -> i32[2,1,1] {
  %z = dot %x, %y, batch=[0]x[0], contract=[2]x[1] : i32[2,1,1]
  return %z
}
; input: %x = [[[1, 2]], [[3, 4]]], %y = [[[5], [6]], [[7], [8]]]
; expect: [[[17]], [[53]]]

func @outer(%x: i32[2], %y: i32[3]) -> i32[2,3] {
  %z = dot %x, %y : i32[2,3]
  return %z
}
; input: %x = [1, 2], %y = [3, 4, 5]
; expect: [[3, 4, 5], [6, 8, 10]]

func @inner(%x: i32[3], %y: i32[3]) -> i32 {
  %z = dot %x, %y, contract=[0]x[0] : i32
  return %z
}
; input: %x = [1, 2, 3], %y = [4, 5, 6]
; expect: 32

func @two_axes(%x: i32[2,2], %y: i32[2,2]) -> i32 {
  %z = dot %x, %y, contract=[0,1]x[1,0] : i32
  return %z
}
; input: %x = [[1, 2], [3, 4]], %y = [[5, 6], [7, 8]]
; expect: 69
