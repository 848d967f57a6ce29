; test interpret
func @f(%x: f32[3,3]) -> (i32[3], i64[3]) {
  %a = argmax %x, axis=1 : i32[3]
  %b = argmax %x, axis=0 : i64[3]
  return %a, %b
}
; input: %x = [[1.0, 2.0, 2.0], [5.0, nan, 9.0], [-inf, -inf, -inf]]
; expect: [1, 1, 0]
; expect: [1, 1, 1]
