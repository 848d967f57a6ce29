; test grad wrt=x
func @f(%limit: f64, %x: f64) -> f64 {
  %y = while %limit, %x, consts=1 : f64 ; error: while cannot be differentiated here: reverse mode needs to know how often it runs at most: declare `bound=N`
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
