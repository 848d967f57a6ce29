; test grad wrt=x
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
; input: %x = 3.0, %n = 1
; expect: 10.0
