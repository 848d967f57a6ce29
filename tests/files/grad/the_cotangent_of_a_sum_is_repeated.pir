; test grad mode=vjp
func @f(%x: f64[2,3]) -> f64[2] {
  %y = reduce add %x, axes=[1] : f64[2]
  return %y
}
; check: %x_ct = broadcast %y_ct, dims=[0] : f64[2,3]
; input: %x = [[1, 2, 3], [4, 5, 6]], %y_ct = [7, 8]
; expect: [6, 15]
; expect: [[7, 7, 7], [8, 8, 8]]
