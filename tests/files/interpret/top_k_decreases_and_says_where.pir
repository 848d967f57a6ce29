; test interpret
func @f(%x: f32[2,4]) -> (f32[2,3], i32[2,3]) {
  %v, %i = top_k %x, k=3 : f32[2,3], i32[2,3]
  return %v, %i
}
; input: %x = [[1.0, 4.0, 4.0, 2.0], [0.0, -1.0, nan, inf]]
; expect: [[4.0, 4.0, 2.0], [nan, inf, 0.0]]
; expect: [[1, 2, 3], [2, 3, 0]]
