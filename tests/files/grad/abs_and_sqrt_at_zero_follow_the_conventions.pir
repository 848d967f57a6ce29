; test grad
func @f(%x: f64, %y: f64) -> f64 {
  %a = abs %x : f64
  %b = sqrt %y : f64
  %c = add %a, %b : f64
  return %c
}
; input: %x = 0.0, %y = 0.0
; expect: 0.0
; expect: inf
; input: %x = -3.0, %y = 4.0
; expect: -1.0
; expect: 0.25
