; test interpret
func @f(%key: i32[2]) -> i64[1] {
  %x = random_bits %key : i64[1]
  return %x
}
; input: %key = [0, 0]
; expect: [-7369490985612476071]
