; test interpret
func @f(%x: f32[5], %n: i32[5]) -> (f32[5], i32[5], f32[5], i32[5]) {
  %a, %b = sort %x, %n, axis=0, keys=1 : f32[5], i32[5]
  %c, %d = sort %x, %n, axis=0, keys=1, descending=true : f32[5], i32[5]
  return %a, %b, %c, %d
}
; input: %x = [2.0, nan, 1.0, 2.0, -inf], %n = [0, 1, 2, 3, 4]
; expect: [-inf, 1.0, 2.0, 2.0, nan]
; expect: [4, 2, 0, 3, 1]
; expect: [nan, 2.0, 2.0, 1.0, -inf]
; expect: [1, 0, 3, 2, 4]
