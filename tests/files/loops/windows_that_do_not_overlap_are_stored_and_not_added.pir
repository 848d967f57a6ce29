; test loops
func @f(%x: f32[1,3,2]) -> f32[1,6] {
  %y = overlap_add %x, axes=[1], size=[2], stride=[2] : f32[1,6]
  return %y
}
; check-not: const 0.0
; check-not: add v
; input: %x = [[[1, 2], [3, 4], [5, 6]]]
; expect: [[1, 2, 3, 4, 5, 6]]
