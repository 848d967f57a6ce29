; test grad mode=vjp
func @f(%x: f64[3]) -> f64[2,3] {
  %y = broadcast %x, dims=[1] : f64[2,3]
  return %y
}
; check: %x_ct = reduce add %y_ct, axes=[0] : f64[3]
; input: %x = [1, 2, 3], %y_ct = [[1, 2, 3], [10, 20, 30]]
; expect: [[1, 2, 3], [1, 2, 3]]
; expect: [11, 22, 33]
