; test grad
func @f(%x: f64, %u: f64) -> f64 {
  %c = convert %x : i32
  %d = convert %c : f64
  %e = floor %u : f64
  %g = add %d, %e : f64
  return %g
}
; check: %x_ct = constant 0.0
; check: %u_ct = constant 0.0
; count: 2 constant
; count: 0 convert
