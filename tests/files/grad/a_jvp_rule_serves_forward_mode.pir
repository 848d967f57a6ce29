; test grad mode=forward wrt=x
func @f(%x: f64, %n: i32) -> f64 {
  %y = custom_derivative %x, %n, rule=jvp : f64
    primal(%a: f64, %b: i32) {
      %c = mul %a, %a : f64
      yield %c
    }
    jvp(%d: f64, %e: i32, %t: f64) {
      %ten = constant 10.0 : f64
      %g = mul %t, %ten : f64
      yield %g
    }
  return %y
}
; check: custom_derivative
; input: %x = 3.0, %n = 1, %x_t = 2.0
; expect: 9.0
; expect: 20.0
