; test grad mode=vjp
func @f(%x: f64[3]) -> f64[3] {
  %y = cumulative min %x, axis=0 : f64[3]
  return %y
}
; input: %x = [2.0, 1.0, 3.0], %y_ct = [1.0, 2.0, 4.0]
; expect: [2.0, 1.0, 1.0]
; expect: [1.0, 6.0, 0.0]
