; test grad mode=forward
func @f(%x: f64) -> f64 {
  %y = custom_derivative %x, rule=vjp : f64 ; error: custom_derivative cannot be differentiated here: it has a vjp rule, which serves reverse mode alone: give a jvp rule, or use vjp or grad
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
