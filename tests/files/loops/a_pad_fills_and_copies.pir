; test loops
func @f(%x: f32[2,3], %v: f32) -> f32[4,4] {
  %p = pad %x, %v, low=[1,0], high=[1,1] : f32[4,4]
  return %p
}
; count: 1 kernel
; input: %x = [[1, 2, 3], [4, 5, 6]], %v = 9
; expect: [[9, 9, 9, 9], [1, 2, 3, 9], [4, 5, 6, 9], [9, 9, 9, 9]]
