; test grad mode=vjp
func @f(%x: f64[3]) -> f64[3] {
  %y = cumulative add %x, axis=0 : f64[3]
  return %y
}
; input: %x = [1.0, 2.0, 3.0], %y_ct = [1.0, 10.0, 100.0]
; expect: [1.0, 3.0, 6.0]
; expect: [111.0, 110.0, 100.0]
