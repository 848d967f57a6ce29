; test loops
func @f(%x: f32[4]) -> (f32[4], f32[4]) {
  %y = neg %x : f32[4]
  return %y, %y
}
; check: output 0
; check: output 1
; input: %x = [1, 2, 3, 4]
; expect: [-1, -2, -3, -4]
; expect: [-1, -2, -3, -4]
