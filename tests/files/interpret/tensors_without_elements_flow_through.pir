; test interpret
func @f(%x: f32[0,3]) -> (f32[3,0], f32[0], f32[3], f32[2,3]) {
  %a = transpose %x, perm=[1,0] : f32[3,0]
  %b = reduce add %x, axes=[1] : f32[0]
  %c = reduce add %x, axes=[0] : f32[3]
  %v = constant 5.0 : f32
  %d = pad %x, %v, low=[1,0], high=[1,0] : f32[2,3]
  return %a, %b, %c, %d
}
; input: %x = []
; expect: []
; expect: []
; expect: [0, 0, 0]
; expect: [[5, 5, 5], [5, 5, 5]]
