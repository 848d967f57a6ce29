; test optimize pass=eliminate_dead_code
func @f(%x: f64) -> f64 {
  %a = exp %x : f64
  %b = log %a : f64
  %c = neg %x : f64
  return %c
}
; count: 0 exp
; count: 0 log
; count: 1 neg
; input: %x = 2
; expect: -2
