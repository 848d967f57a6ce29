; test interpret
func @f(%x: i32[4]) -> i32[4] {
  %y = population_count %x : i32[4]
  return %y
}
; input: %x = [0, 255, -1, -2147483648]
; expect: [0, 8, 32, 1]
