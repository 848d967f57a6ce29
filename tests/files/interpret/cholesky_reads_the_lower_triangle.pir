; test interpret
func @f(%a: f64[2,2,2]) -> f64[2,2,2] {
  %l = cholesky %a : f64[2,2,2]
  return %l
}
; input: %a = [[[9.0, nan], [3.0, 5.0]], [[1.0, 2.0], [2.0, 1.0]]]
; expect: [[[3.0, 0.0], [1.0, 2.0]], [[nan, nan], [nan, nan]]]
