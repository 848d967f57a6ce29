; test interpret
func @main(%x: i32) -> (i32, i32) {
  %a, %b = call @swap_and_double %x, %x : i32, i32
  %c, %d = call @swap_and_double %a, %b : i32, i32
  return %c, %a
}
; input: %x = 3
; expect: 6
; expect: 3

func @swap_and_double(%x: i32, %y: i32) -> (i32, i32) {
  %z = add %x, %x : i32
  return %y, %z
}
; input: %x = 1, %y = 2
; expect: 2
; expect: 2
