; test grad mode=vjp
func @f(%x: f64) -> f64 {
  %y = tanh %x : f64
  return %y
}
; check: func @f_vjp(%x: f64, %y_ct: f64) -> (f64, f64) {
; count: 1 tanh
; check: mul %y, %y
; check: return %y, %x_ct
; input: %x = 0.0, %y_ct = 2.0
; expect: 0.0
; expect: 2.0
