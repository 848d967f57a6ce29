; test grad mode=vjp wrt=x
func @f(%x: f64[4], %v: f64) -> f64[3] {
  %y = pad %x, %v, low=[-1], high=[0] : f64[3]
  return %y
}
; input: %x = [1, 2, 3, 4], %v = 9, %y_ct = [10, 20, 30]
; expect: [2, 3, 4]
; expect: [0, 10, 20, 30]
