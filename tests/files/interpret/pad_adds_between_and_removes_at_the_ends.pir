; test interpret
func @f(%x: i32[3], %v: i32) -> (i32[6], i32[5], i32[1], i32[4]) {
  %a = pad %x, %v, low=[1], high=[2] : i32[6]
  %b = pad %x, %v, low=[0], high=[0], interior=[1] : i32[5]
  %c = pad %x, %v, low=[-1], high=[-1] : i32[1]
  %d = pad %x, %v, low=[-2], high=[1], interior=[1] : i32[4]
  return %a, %b, %c, %d
}
; input: %x = [1, 2, 3], %v = 9
; expect: [9, 1, 2, 3, 9, 9]
; expect: [1, 9, 2, 9, 3]
; expect: [2]
; expect: [2, 9, 3, 9]
