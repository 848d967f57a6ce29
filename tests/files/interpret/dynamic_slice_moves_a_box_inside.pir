; test interpret
func @f(%x: i32[5], %i: i64) -> i32[2] {
  %y = dynamic_slice %x, %i : i32[2]
  return %y
}
; input: %x = [1, 2, 3, 4, 5], %i = 1
; expect: [2, 3]
; input: %x = [1, 2, 3, 4, 5], %i = 9223372036854775807
; expect: [4, 5]
; input: %x = [1, 2, 3, 4, 5], %i = -9223372036854775808
; expect: [1, 2]
