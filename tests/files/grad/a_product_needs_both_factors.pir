; test grad
func @f(%x: f64, %y: f64) -> f64 {
  %z = mul %x, %y : f64
  return %z
}
; input: %x = 3.0, %y = 5.0
; expect: 5.0
; expect: 3.0
