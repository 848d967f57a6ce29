; test grad mode=vjp wrt=x
func @f(%x: f64[4]) -> f64[4] {
  %y = sort %x, axis=0, keys=1 : f64[4]
  return %y
}
; input: %x = [2.0, 1.0, 2.0, 0.0], %y_ct = [1.0, 10.0, 100.0, 1000.0]
; expect: [0.0, 1.0, 2.0, 2.0]
; expect: [100.0, 10.0, 1000.0, 1.0]
