; test grad wrt=x
func @f(%p: bool, %x: f64) -> f64 {
  %l = log %x : f64
  %z = constant 0.0 : f64
  %s = select %p, %l, %z : f64
  return %s
}
; input: %p = true, %x = 4.0
; expect: 0.25
