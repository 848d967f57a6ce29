; test grad
func @f(%x: f64[4]) -> f64 {
  %m = reduce max %x, axes=[0] : f64
  return %m
}
; input: %x = [1, 3, 2, 3]
; expect: [0, 0.5, 0, 0.5]
