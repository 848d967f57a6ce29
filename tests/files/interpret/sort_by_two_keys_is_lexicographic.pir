; test interpret
func @f(%a: u8[4], %b: bool[4], %c: i32[4]) -> (u8[4], bool[4], i32[4]) {
  %x, %y, %z = sort %a, %b, %c, axis=0, keys=2 : u8[4], bool[4], i32[4]
  return %x, %y, %z
}
; input: %a = [1, 0, 1, 0], %b = [true, true, false, false], %c = [10, 20, 30, 40]
; expect: [0, 0, 1, 1]
; expect: [false, true, false, true]
; expect: [40, 20, 30, 10]
