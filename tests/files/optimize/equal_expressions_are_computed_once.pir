; test optimize pass=eliminate_common_subexpressions
func @f(%x: f64) -> f64 {
  %a = exp %x : f64
  %b = exp %x : f64
  %c = add %a, %b : f64
  return %c
}
; count: 1 exp
; check: add %a, %a
; input: %x = 0
; expect: 2
