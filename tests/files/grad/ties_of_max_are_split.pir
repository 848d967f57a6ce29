; test grad
func @f(%x: f64, %y: f64) -> f64 {
  %m = max %x, %y : f64
  return %m
}
; input: %x = 2.0, %y = 1.0
; expect: 1.0
; expect: 0.0
; input: %x = 1.0, %y = 1.0
; expect: 0.5
; expect: 0.5
