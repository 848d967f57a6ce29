; test interpret
func @f(%x: i32) -> (i32, i32) {
  %y = while %x, consts=0, bound=4 : i32
    cond(%a: i32) {
      %go = constant true : bool
      yield %go
    }
    body(%b: i32) {
      %c = add %b, %b : i32
      yield %c
    }
  %z = while %x, consts=0, bound=0 : i32
    cond(%d: i32) {
      %go1 = constant true : bool
      yield %go1
    }
    body(%e: i32) {
      %g = neg %e : i32
      yield %g
    }
  return %y, %z
}
; input: %x = 3
; expect: 48
; expect: 3
