; test interpret
func @f(%x: f64[2,3], %y: f64[3,2]) -> f64[2,2] {
  %z = dot %x, %y, contract=[1]x[0] : f64[2,2]
  return %z
}
; input: %x = [[1, 2, 3], [4, 5, 6]], %y = [[7, 8], [9, 10], [11, 12]]
; expect: [[58, 64], [139, 154]]
