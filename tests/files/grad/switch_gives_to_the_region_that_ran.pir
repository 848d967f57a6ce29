; test grad wrt=x
func @f(%i: i32, %x: f64) -> f64 {
  %y = switch %i, %x : f64
    case(%a: f64) {
      %b = mul %a, %a : f64
      yield %b
    }
    case(%c: f64) {
      %d = constant 7.0 : f64
      yield %d
    }
  return %y
}
; input: %i = -4, %x = 3.0
; expect: 6.0
; input: %i = 4, %x = 3.0
; expect: 0.0
