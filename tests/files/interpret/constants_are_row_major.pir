; test interpret
func @f() -> (i32[2,3], f64[2], f32[0,4]) {
  %a = constant [[1, 2, 3], [4, 5, 6]] : i32[2,3]
  %b = constant 7.5 : f64[2]
  %c = constant [] : f32[0,4]
  return %a, %b, %c
}
; expect: [[1, 2, 3], [4, 5, 6]]
; expect: [7.5, 7.5]
; expect: []
