; test interpret
func @f(%p: bool[3], %x: f32[3], %y: f32[3]) -> f32[3] {
  %z = select %p, %x, %y : f32[3]
  return %z
}
; input: %p = [true, false, true], %x = [1, nan, 3], %y = [nan, 5, 6]
; expect: [1, 5, 3]
