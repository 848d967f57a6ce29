; test optimize
func @f(%x: f64) -> f64 {
  %a = constant 2.0 : f64
  %b = constant 3.0 : f64
  %c = mul %a, %b : f64
  %d = add %x, %c : f64
  return %d
}
; count: 1 constant
; check: constant 6.0
; count: 0 mul
; input: %x = 1
; expect: 7
