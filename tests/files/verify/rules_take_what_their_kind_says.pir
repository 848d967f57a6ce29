; test verify
func @f(%x: f32, %n: i32) -> (f32, f32) {
  %y = custom_derivative %x, %n, rule=jvp : f32 ; error: the parameters of the jvp rule: 4 values, expected 3
    primal(%a: f32, %b: i32) {
      yield %a
    }
    jvp(%c: f32, %d: i32, %t: f32, %u: f32) {
      yield %t
    }
  %z = custom_derivative %x, %n, rule=vjp : f32 ; error: what the vjp rule yields: 2 values, expected 1
    primal(%e: f32, %g: i32) {
      yield %e
    }
    vjp(%h: f32, %i: i32, %r: f32, %ct: f32) {
      yield %ct, %ct
    }
  return %y, %z
}
