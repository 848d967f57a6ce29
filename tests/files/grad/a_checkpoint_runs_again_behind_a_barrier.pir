; test grad
func @f(%x: f64) -> f64 {
  %y = checkpoint %x : f64
    body(%a: f64) {
      %b = exp %a : f64
      %c = mul %b, %b : f64
      yield %c
    }
  return %y
}
; check: optimization_barrier %x
; check: exp
; input: %x = 0.0
; expect: 2.0
