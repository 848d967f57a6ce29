; test interpret
func @f(%x: i32[3], %y: i32[3]) -> (i32[3], i32[3]) {
  %q = div %x, %y : i32[3]
  %r = rem %x, %y : i32[3]
  return %q, %r
}
; input: %x = [7, -2147483648, 9], %y = [7, -1, 2]
; expect: [1, -2147483648, 4]
; expect: [0, 0, 1]
