; test grad wrt=x
func @f(%n: f64, %x: f64) -> f64 {
  %y = polygamma %n, %x : f64
  return %y
}
; check: polygamma
; input: %n = 2.0, %x = 1.0
; expect: 6.493939402266829 ~ 1e-14
