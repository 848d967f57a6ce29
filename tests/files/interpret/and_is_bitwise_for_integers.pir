; test interpret
func @f(%x: i64[3], %y: i64[3]) -> i64[3] {
  %z = and %x, %y : i64[3]
  return %z
}
; input: %x = [12, -1, 7], %y = [10, 5, 8]
; expect: [8, 5, 0]
