; test grad mode=vjp wrt=x,u
func @f(%x: f64[3], %u: f64[1], %i: i32) -> f64[3] {
  %y = dynamic_update_slice %x, %u, %i : f64[3]
  return %y
}
; input: %x = [1.0, 2.0, 3.0], %u = [9.0], %i = 1, %y_ct = [5.0, inf, 7.0]
; expect: [1.0, 9.0, 3.0]
; expect: [5.0, 0.0, 7.0]
; expect: [inf]
