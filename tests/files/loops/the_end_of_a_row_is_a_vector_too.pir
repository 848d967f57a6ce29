; test loops
; The last vector begins at 3: element 3 is stored twice.
func @f(%x: f32[7]) -> f32[7] {
  %y = neg %x : f32[7]
  return %y
}
; check: + 3], v
; input: %x = [1, 2, 3, 4, 5, 6, 7]
; expect: [-1, -2, -3, -4, -5, -6, -7]
