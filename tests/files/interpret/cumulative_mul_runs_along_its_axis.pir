; test interpret
func @f(%x: i32[4]) -> (i32[4], i32[4]) {
  %a = cumulative mul %x, axis=0 : i32[4]
  %b = cumulative mul %x, axis=0, reverse=true : i32[4]
  return %a, %b
}
; input: %x = [1, 2, 3, 4]
; expect: [1, 2, 6, 24]
; expect: [24, 24, 12, 4]
