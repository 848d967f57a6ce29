; test interpret
func @f(%x: i32[4]) -> (i32[4], i32[4]) {
  %a = cumulative min %x, axis=0 : i32[4]
  %b = cumulative min %x, axis=0, reverse=true : i32[4]
  return %a, %b
}
; input: %x = [1, 2, 3, 4]
; expect: [1, 1, 1, 1]
; expect: [1, 2, 3, 4]
