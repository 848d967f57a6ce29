; test interpret
func @f(%x: i32[4]) -> i32[3] {
  %y = reduce_window add %x, size=[2], stride=[2], low=[1], high=[1] : i32[3]
  return %y
}
; input: %x = [1, 2, 3, 4]
; expect: [1, 5, 4]
