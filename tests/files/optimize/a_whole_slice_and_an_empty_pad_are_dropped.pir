; test optimize
func @f(%x: f64[4], %v: f64) -> f64[4] {
  %a = slice %x, start=[0], limit=[4] : f64[4]
  %b = pad %a, %v, low=[0], high=[0] : f64[4]
  return %b
}
; count: 0 slice
; count: 0 pad
; check: return %x
; input: %x = [1, 2, 3, 4], %v = 9
; expect: [1, 2, 3, 4]
