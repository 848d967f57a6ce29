; test grad
func @f(%x: f64, %y: f64) -> f64 {
  %z = pow %x, %y : f64
  return %z
}
; input: %x = 2.0, %y = 3.0
; expect: 12.0 ~ 1e-15
; expect: 5.545177444479562 ~ 1e-15
; input: %x = 0.0, %y = 2.0
; expect: 0.0
; expect: 0.0
