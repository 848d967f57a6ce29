; test interpret
func @f(%x: i32[3,2]) -> i32[5] {
  %y = overlap_add %x, axes=[0], size=[2] : i32[4]
  %zero = constant 0 : i32
  %z = pad %y, %zero, low=[1], high=[0] : i32[5]
  return %z
}
; input: %x = [[1, 2], [10, 20], [100, 200]]
; expect: [0, 1, 12, 120, 200]
