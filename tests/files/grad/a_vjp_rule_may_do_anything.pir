; test grad mode=vjp
func @f(%x: f64) -> f64 {
  %y = custom_derivative %x, rule=vjp : f64
    primal(%a: f64) {
      %c = mul %a, %a : f64
      yield %c
    }
    vjp(%d: f64, %r: f64, %ct: f64) {
      %low = constant -1.0 : f64
      %high = constant 1.0 : f64
      %kept = clamp %low, %ct, %high : f64
      %s = add %d, %d : f64
      %g = mul %s, %kept : f64
      yield %g
    }
  return %y
}
; input: %x = 3.0, %y_ct = 100.0
; expect: 9.0
; expect: 6.0
; input: %x = 3.0, %y_ct = 0.5
; expect: 9.0
; expect: 3.0
