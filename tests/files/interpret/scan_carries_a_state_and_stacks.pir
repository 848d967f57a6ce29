; test interpret
func @f(%w: i32, %h: i32, %x: i32[3]) -> (i32, i32[3], i32[3]) {
  %p, %y, %z = scan %w, %h, %x, length=3, consts=1, carry=1 : i32, i32[3], i32[3]
    body(%w1: i32, %h1: i32, %x1: i32) {
      %a = mul %w1, %h1 : i32
      %b = add %a, %x1 : i32
      yield %b, %h1, %x1
    }
  return %p, %y, %z
}
; input: %w = 10, %h = 0, %x = [1, 2, 3]
; expect: 123
; expect: [0, 1, 12]
; expect: [1, 2, 3]
