; test interpret
func @f(%x: i32, %y: f32) -> (i32, f32) {
  %a = checkpoint %x : i32
    body(%b: i32) {
      %c = mul %b, %b : i32
      yield %c
    }
  %d = custom_derivative %y, rule=jvp : f32
    primal(%e: f32) {
      %g = exp %e : f32
      yield %g
    }
    jvp(%h: f32, %t: f32) {
      yield %t
    }
  return %a, %d
}
; input: %x = 7, %y = 0.0
; expect: 49
; expect: 1.0
