; test grad
func @f(%a: f64, %x: f64[2,2]) -> f64 {
  %one = constant 1.0 : f64
  %p = scan %a, %one, %x, length=2, consts=1, carry=1 : f64
    body(%a1: f64, %p1: f64, %row: f64[2]) {
      %q = scan %p1, %row, length=2, consts=0, carry=1 : f64
        body(%p2: f64, %e: f64) {
          %m = mul %p2, %e : f64
          yield %m
        }
      %r = mul %q, %a1 : f64
      yield %r
    }
  return %p
}
; input: %a = 3.0, %x = [[1.0, 2.0], [5.0, 7.0]]
; expect: 420.0
; expect: [[630.0, 315.0], [126.0, 90.0]]
