; test grad mode=forward wrt=x
func @f(%limit: f64, %x: f64) -> f64 {
  %y = while %limit, %x, consts=1 : f64
    cond(%l: f64, %a: f64) {
      %go = compare lt %a, %l : bool
      yield %go
    }
    body(%l1: f64, %a1: f64) {
      %b = mul %a1, %a1 : f64
      yield %b
    }
  return %y
}
; input: %limit = 10.0, %x = 2.0, %x_t = 1.0
; expect: 16.0
; expect: 32.0
