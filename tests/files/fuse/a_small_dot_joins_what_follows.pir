; test fuse
func @f(%x: f32[4,3], %w: f32[3,2]) -> f32[4,2] {
  %y = dot %x, %w, contract=[1]x[0] : f32[4,2]
  %z = neg %y : f32[4,2]
  return %z
}
; check: ; region 0: loop over [4,2], stores %z
; check-not: packed
; input: %x = 1, %w = [[1, 2], [3, 4], [5, 6]]
; expect: [[-9, -12], [-9, -12], [-9, -12], [-9, -12]]
