; test grad
func @f(%p: bool, %x: f64, %y: f64) -> f64 {
  %z = cond %p, %x, %y : f64
    then(%a: f64, %b: f64) {
      %c = sqrt %a : f64
      yield %c
    }
    else(%d: f64, %e: f64) {
      %g = mul %e, %e : f64
      yield %g
    }
  return %z
}
; input: %p = true, %x = 4.0, %y = nan
; expect: 0.25
; expect: 0.0
; input: %p = false, %x = 0.0, %y = 3.0
; expect: 0.0
; expect: 6.0
