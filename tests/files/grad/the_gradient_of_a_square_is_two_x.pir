; test grad
func @f(%x: f64) -> f64 {
  %y = mul %x, %x : f64
  return %y
}
; check: %x_ct = add %x, %x : f64
; count: 0 mul
; input: %x = 3.0
; expect: 6.0
