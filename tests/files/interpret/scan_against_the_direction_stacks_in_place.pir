; test interpret
func @f(%h: i32, %x: i32[3]) -> (i32, i32[3]) {
  %p, %y = scan %h, %x, length=3, consts=0, carry=1, reverse=true : i32, i32[3]
    body(%h1: i32, %x1: i32) {
      %ten = constant 10 : i32
      %a = mul %ten, %h1 : i32
      %b = add %a, %x1 : i32
      yield %b, %b
    }
  return %p, %y
}
; input: %h = 0, %x = [1, 2, 3]
; expect: 321
; expect: [321, 32, 3]
