; test optimize
func @f(%p: bool, %x: f64) -> f64 {
  %a = exp %x : f64
  %b = exp %x : f64
  %c = select %p, %a, %b : f64
  return %c
}
; count: 0 select
; count: 1 exp
; input: %p = false, %x = 0
; expect: 1
