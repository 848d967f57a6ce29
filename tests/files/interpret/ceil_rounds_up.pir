; test interpret
func @f(%x: f64[6]) -> f64[6] {
  %y = ceil %x : f64[6]
  return %y
}
; input: %x = [1.5, -1.5, -0.5, 2.0, -inf, nan]
; expect: [2.0, -1.0, -0.0, 2.0, -inf, nan]
