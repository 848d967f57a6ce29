; test interpret
func @f(%x: i32[5], %y: i32[5]) -> i32[5] {
  %z = shift_right %x, %y : i32[5]
  return %z
}
; input: %x = [-8, 9, -1, -5, 5], %y = [1, 2, 31, 99, -1]
; expect: [-4, 2, -1, -1, 0]
