; test interpret
func @f(%x: f32[2,0], %y: f32[0,2]) -> f32[2,2] {
  %z = dot %x, %y, contract=[1]x[0] : f32[2,2]
  return %z
}
; input: %x = [], %y = []
; expect: [[0, 0], [0, 0]]
