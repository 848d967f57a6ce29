; test interpret
func @f(%x: i32[3], %y: i32[3]) -> i32[3] {
  %z = xor %x, %y : i32[3]
  return %z
}
; input: %x = [12, -1, 7], %y = [10, 5, 7]
; expect: [6, -6, 0]
