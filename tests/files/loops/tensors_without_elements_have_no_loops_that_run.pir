; test loops
func @f(%x: f32[0,3]) -> (f32[3], f32[3,0]) {
  %a = reduce add %x, axes=[0] : f32[3]
  %b = transpose %x, perm=[1,0] : f32[3,0]
  return %a, %b
}
; check: program @f
; input: %x = []
; expect: [0, 0, 0]
; expect: []
