; test interpret
func @f(%x: i32[4]) -> (i32[4], i32[4]) {
  %a = cumulative add %x, axis=0 : i32[4]
  %b = cumulative add %x, axis=0, reverse=true : i32[4]
  return %a, %b
}
; input: %x = [1, 2, 3, 4]
; expect: [1, 3, 6, 10]
; expect: [10, 9, 7, 4]
