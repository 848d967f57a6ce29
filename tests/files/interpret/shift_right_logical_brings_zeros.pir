; test interpret
func @f(%x: i32[4], %y: i32[4]) -> i32[4] {
  %z = shift_right_logical %x, %y : i32[4]
  return %z
}
; input: %x = [-1, -1, 9, -1], %y = [28, 31, 0, 32]
; expect: [15, 1, 9, 0]
