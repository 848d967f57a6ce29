; test optimize pass=eliminate_common_subexpressions
func @f() -> (f64, f64) {
  %a = constant 0.0 : f64
  %b = constant -0.0 : f64
  return %a, %b
}
; count: 2 constant
; expect: 0.0
; expect: -0.0
