; test print
func @f() {
  %a = constant [[1, 1], [1, 1]] : f32[2,2]
  %b = constant [true] : bool[1]
  %c = constant [0.0, -0.0] : f64[2]
  %d = constant [] : i32[0,3]
  return
}
; check: %a = constant 1.0 : f32[2,2]
; check: %b = constant true : bool[1]
; check: %c = constant [0.0, -0.0] : f64[2]
; check: %d = constant [] : i32[0,3]
