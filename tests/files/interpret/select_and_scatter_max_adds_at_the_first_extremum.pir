; test interpret
func @f(%x: i32[4], %s: i32[2]) -> i32[4] {
  %y = select_and_scatter max %x, %s, size=[3] : i32[4]
  return %y
}
; input: %x = [2, 9, 9, 1], %s = [10, 20]
; expect: [0, 30, 0, 0]
