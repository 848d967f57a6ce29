; test grad wrt=x
func @f(%x: f64) -> f64 {
  %s = stop_gradient %x : f64
  %y = mul %x, %s : f64
  return %y
}
; input: %x = 3.0
; expect: 3.0
