; test grad wrt=x
func @f(%x: f64[4]) -> f64 {
  %l = constant -1.0 : f64[4]
  %h = constant 1.0 : f64[4]
  %c = clamp %l, %x, %h : f64[4]
  %s = reduce add %c, axes=[0] : f64
  return %s
}
; input: %x = [-2, -1, 0.5, 3]
; expect: [0, 1, 1, 0]
