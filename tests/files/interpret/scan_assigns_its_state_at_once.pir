; test interpret
func @f(%a: i32, %b: i32) -> (i32, i32, i32[3]) {
  %p, %q, %y = scan %a, %b, length=3, consts=0, carry=2 : i32, i32, i32[3]
    body(%a1: i32, %b1: i32) {
      yield %b1, %a1, %a1
    }
  return %p, %q, %y
}
; input: %a = 1, %b = 2
; expect: 2
; expect: 1
; expect: [1, 2, 1]
