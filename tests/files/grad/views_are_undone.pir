; test grad mode=vjp
func @f(%x: f64[2,3]) -> f64[6] {
  %t = transpose %x, perm=[1,0] : f64[3,2]
  %r = reverse %t, axes=[0] : f64[3,2]
  %y = reshape %r : f64[6]
  return %y
}
; check: reshape %y_ct : f64[3,2]
; check: reverse
; check: transpose
; input: %x = [[1, 2, 3], [4, 5, 6]], %y_ct = [10, 20, 30, 40, 50, 60]
; expect: [3, 6, 2, 5, 1, 4]
; expect: [[50, 30, 10], [60, 40, 20]]
