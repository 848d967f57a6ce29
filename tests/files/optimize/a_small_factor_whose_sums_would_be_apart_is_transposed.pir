; test optimize
func @f(%x: f32[64,3,5], %w: f32[4,5,3]) -> f32[64,4] {
  %t = transpose %w, perm=[2,1,0] : f32[3,5,4]
  %y = dot %x, %t, contract=[1,2]x[0,1] : f32[64,4]
  return %y
}
; count: 1 transpose
; check: dot %x, %t, contract=[1,2]x[0,1]
; input: %x = 1.0, %w = 0.5
; expect: 7.5
