; test optimize
func @f(%x: f64) -> f64 {
  %a = neg %x : f64
  %b = neg %a : f64
  return %b
}
; count: 0 neg
; check: return %x
; input: %x = -0.0
; expect: -0.0
