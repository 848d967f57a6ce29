; test loops
func @f(%x: f32[1,3,2]) -> f32[1,8] {
  %y = overlap_add %x, axes=[1], size=[2], stride=[3] : f32[1,8]
  return %y
}
; check: const 0.0
; check-not: add v
; input: %x = [[[1, 2], [3, 4], [5, 6]]]
; expect: [[1, 2, 0, 3, 4, 0, 5, 6]]
