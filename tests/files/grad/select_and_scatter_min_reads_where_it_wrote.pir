; test grad mode=vjp
func @f(%x: f64[4], %s: f64[2]) -> f64[4] {
  %y = select_and_scatter min %x, %s, size=[3] : f64[4]
  return %y
}
; input: %x = [2.0, 9.0, 9.0, 1.0], %s = [10.0, 20.0], %y_ct = [1.0, 2.0, 4.0, 8.0]
; expect: [10.0, 0.0, 0.0, 20.0]
; expect: [0.0, 0.0, 0.0, 0.0]
; expect: [1.0, 8.0]
