; test grad mode=vjp
func @f(%x: f64[4]) -> f64[3] {
  %y = reduce_window min %x, size=[2], stride=[2], low=[1], high=[1] : f64[3]
  return %y
}
; input: %x = [5.0, 3.0, 3.0, 7.0], %y_ct = [1.0, 10.0, 100.0]
; expect: [5.0, 3.0, 7.0]
; expect: [1.0, 5.0, 5.0, 100.0]
