; test grad mode=forward
func @f(%x: f64, %y: f64) -> f64 {
  %z = div %x, %y : f64
  return %z
}
; check: func @f_jvp(%x: f64, %y: f64, %x_t: f64, %y_t: f64) -> (f64, f64) {
; check: %z_t =
; input: %x = 6.0, %y = 2.0, %x_t = 1.0, %y_t = 0.0
; expect: 3.0
; expect: 0.5
; input: %x = 6.0, %y = 2.0, %x_t = 0.0, %y_t = 1.0
; expect: 3.0
; expect: -1.5
