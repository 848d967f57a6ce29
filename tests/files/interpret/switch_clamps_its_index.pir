; test interpret
func @f(%i: i32, %x: i32) -> i32 {
  %y = switch %i, %x : i32
    case(%a: i32) {
      yield %a
    }
    case(%b: i32) {
      %c = neg %b : i32
      yield %c
    }
    case(%d: i32) {
      %e = mul %d, %d : i32
      yield %e
    }
  return %y
}
; input: %i = -5, %x = 3
; expect: 3
; input: %i = 1, %x = 3
; expect: -3
; input: %i = 99, %x = 3
; expect: 9
