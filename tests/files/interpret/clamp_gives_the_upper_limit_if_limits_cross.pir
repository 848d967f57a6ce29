; test interpret
func @f(%low: i32[4], %x: i32[4], %high: i32[4]) -> i32[4] {
  %z = clamp %low, %x, %high : i32[4]
  return %z
}
; input: %low = [0, 0, 0, 9], %x = [-5, 5, 15, 5], %high = [10, 10, 10, 1]
; expect: [0, 5, 10, 1]
