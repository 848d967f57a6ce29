; test interpret
func @f(%x: f32[2,3]) -> (f32[2], f32[2]) {
  %a = reduce max %x, axes=[1] : f32[2]
  %b = reduce min %x, axes=[1] : f32[2]
  return %a, %b
}
; input: %x = [[1, nan, 3], [-inf, 0, inf]]
; expect: [nan, inf]
; expect: [nan, -inf]
