; test optimize
func @f(%x: f64[2,3]) -> f64[2,3] {
  %a = transpose %x, perm=[1,0] : f64[3,2]
  %b = transpose %a, perm=[1,0] : f64[2,3]
  %c = reshape %b : f64[6]
  %d = reshape %c : f64[2,3]
  %e = reverse %d, axes=[0] : f64[2,3]
  %g = reverse %e, axes=[0] : f64[2,3]
  return %g
}
; count: 0 transpose
; count: 0 reshape
; count: 0 reverse
; check: return %x
; input: %x = [[1, 2, 3], [4, 5, 6]]
; expect: [[1, 2, 3], [4, 5, 6]]
