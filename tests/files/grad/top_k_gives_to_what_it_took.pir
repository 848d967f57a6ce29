; test grad mode=vjp wrt=x
func @f(%x: f64[4]) -> (f64[2], i32[2]) {
  %y, %i = top_k %x, k=2 : f64[2], i32[2]
  return %y, %i
}
; input: %x = [1.0, 3.0, 2.0, 3.0], %y_ct = [5.0, 7.0]
; expect: [3.0, 3.0]
; expect: [1, 3]
; expect: [0.0, 5.0, 0.0, 7.0]
