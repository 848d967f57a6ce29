; test grad mode=vjp wrt=x
func @f(%x: f64[4], %i: i32) -> f64[2] {
  %y = dynamic_slice %x, %i : f64[2]
  return %y
}
; check: dynamic_update_slice
; input: %x = [1.0, 2.0, 3.0, 4.0], %i = 9, %y_ct = [5.0, 7.0]
; expect: [3.0, 4.0]
; expect: [0.0, 0.0, 5.0, 7.0]
