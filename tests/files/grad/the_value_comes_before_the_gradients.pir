; test grad value
func @f(%x: f64) -> f64 {
  %y = exp %x : f64
  return %y
}
; check: func @f_value_and_grad(%x: f64) -> (f64, f64) {
; count: 1 exp
; input: %x = 0.0
; expect: 1.0
; expect: 1.0
