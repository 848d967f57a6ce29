; test interpret
func @f(%x: f32[2], %s: f32) -> (f32[2,3], f32[3,2], f32[2,2]) {
  %a = broadcast %x, dims=[0] : f32[2,3]
  %b = broadcast %x, dims=[1] : f32[3,2]
  %c = broadcast %s, dims=[] : f32[2,2]
  return %a, %b, %c
}
; input: %x = [1, 2], %s = 5
; expect: [[1, 1, 1], [2, 2, 2]]
; expect: [[1, 2], [1, 2], [1, 2]]
; expect: [[5, 5], [5, 5]]
