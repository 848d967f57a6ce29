; test run
func @f() -> (f64[3], i32[2,2]) {
  %a = constant [1, nan, -0.0] : f64[3]
  %b = iota axis=1 : i32[2,2]
  return %a, %b
}
; expect: [1, nan, -0.0]
; expect: [[0, 1], [0, 1]]
