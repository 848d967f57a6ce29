; test interpret
func @f(%x: f64[4]) -> f64[4] {
  %y = lgamma %x : f64[4]
  return %y
}
; input: %x = [1.0, 5.0, 0.5, -3.0]
; expect: [0.0, 3.1780538303479458, 0.5723649429247001, inf] ~ 1e-14
