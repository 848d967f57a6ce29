; test grad wrt=x
func @f(%x: f64, %y: f64) -> f64 {
  %a = sin %x : f64
  %b = mul %a, %y : f64
  %c = add %b, %x : f64
  return %c
}
; check: func @f_grad(%x: f64, %y: f64) -> f64 {
; check: %c_ct = constant 1.0
; check: %x_ct = add
; check: return %x_ct
; input: %x = 0.0, %y = 3.0
; expect: 4.0
; input: %x = 1.5707963267948966, %y = 3.0
; expect: 1.0 ~ 1e-15
