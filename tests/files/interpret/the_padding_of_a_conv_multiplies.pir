; test interpret
func @f(%x: f32[1,1,1], %k: f32[1,1,2]) -> f32[1,1,1] {
  %y = conv %x, %k, lhs=[0,1,2], rhs=[0,1,2], out=[0,1,2], low=[1] : f32[1,1,1]
  return %y
}
; input: %x = [[[1.0]]], %k = [[[inf, 1.0]]]
; expect: [[[nan]]]
; input: %x = [[[1.0]]], %k = [[[5.0, 3.0]]]
; expect: [[[3.0]]]
