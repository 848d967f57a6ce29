; test grad
func @f(%x: f64) -> f64 {
  %a = sin %x : f64
  %b = cos %x : f64
  %c = mul %a, %b : f64
  return %c
}
; input: %x = 0.0
; expect: 1.0
; input: %x = 0.7853981633974483
; expect: 0.0 ~ 1e-15
