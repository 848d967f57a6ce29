; test interpret
func @f(%limit: i32, %x: i32) -> (i32, i32) {
  %zero = constant 0 : i32
  %y, %n = while %limit, %x, %zero, consts=1 : i32, i32
    cond(%l: i32, %a: i32, %i: i32) {
      %go = compare lt %a, %l : bool
      yield %go
    }
    body(%l1: i32, %a1: i32, %i1: i32) {
      %b = add %a1, %a1 : i32
      %one = constant 1 : i32
      %j = add %i1, %one : i32
      yield %b, %j
    }
  return %y, %n
}
; input: %limit = 100, %x = 3
; expect: 192
; expect: 6
; input: %limit = 3, %x = 3
; expect: 3
; expect: 0
