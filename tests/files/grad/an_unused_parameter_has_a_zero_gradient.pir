; test grad
func @f(%x: f64, %y: f64[3]) -> f64 {
  return %x
}
; check: %y_ct = constant 0.0 : f64[3]
; input: %x = 1, %y = 2
; expect: 1
; expect: 0
