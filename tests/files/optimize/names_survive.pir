; test optimize
func @f(%x: f64) -> f64 {
  %zero = constant 0.0 : f64
  %hidden = exp %x : f64
  %visible = sub %hidden, %zero : f64
  %result = log1p %visible : f64
  return %result
}
; check: %hidden = exp %x
; check: %result = log1p %hidden
; count: 0 sub
; input: %x = -inf
; expect: 0
