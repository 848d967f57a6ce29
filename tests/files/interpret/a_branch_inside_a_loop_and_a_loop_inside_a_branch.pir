; test interpret
func @f(%p: bool, %x: i32[4]) -> i32 {
  %zero = constant 0 : i32
  %s = scan %zero, %x, length=4, consts=0, carry=1 : i32
    body(%t: i32, %e: i32) {
      %limit = constant 2 : i32
      %large = compare gt %e, %limit : bool
      %u = cond %large, %t, %e : i32
        then(%a: i32, %b: i32) {
          %c = add %a, %b : i32
          yield %c
        }
        else(%d: i32, %g: i32) {
          yield %d
        }
      yield %u
    }
  %r = cond %p, %s, %x : i32
    then(%h: i32, %i: i32[4]) {
      %j = scan %h, %i, length=4, consts=0, carry=1 : i32
        body(%k: i32, %l: i32) {
          %m = sub %k, %l : i32
          yield %m
        }
      yield %j
    }
    else(%n: i32, %o: i32[4]) {
      yield %n
    }
  return %r
}
; input: %p = false, %x = [1, 2, 3, 4]
; expect: 7
; input: %p = true, %x = [1, 2, 3, 4]
; expect: -3
