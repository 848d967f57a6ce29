; test grad mode=vjp wrt=x,u
func @f(%x: f64[2], %i: i32[4], %u: f64[4]) -> f64[2] {
  %y = scatter mul %x, %i, %u, offset=[], collapsed=[0], map=[0], vector_axis=1, mode=drop : f64[2]
  return %y
}
; input: %x = [2.0, 3.0], %i = [0, 0, 1, 5], %u = [2.0, 0.0, 3.0, 9.0], %y_ct = [6.0, 10.0]
; expect: [0.0, 9.0]
; expect: [0.0, 30.0]
; expect: [0.0, 24.0, 30.0, 0.0]
