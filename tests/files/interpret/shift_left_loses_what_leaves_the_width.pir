; test interpret
func @f(%x: i32[5], %y: i32[5]) -> i32[5] {
  %z = shift_left %x, %y : i32[5]
  return %z
}
; input: %x = [1, 3, -1, 5, 5], %y = [3, 31, 4, 32, -1]
; expect: [8, -2147483648, -16, 0, 0]
