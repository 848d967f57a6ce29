; test grad mode=vjp
func @f(%x: f64[2], %v: f64) -> f64[5] {
  %y = pad %x, %v, low=[1], high=[1], interior=[1] : f64[5]
  return %y
}
; input: %x = [1, 2], %v = 9, %y_ct = [10, 20, 30, 40, 50]
; expect: [9, 1, 9, 2, 9]
; expect: [20, 40]
; expect: 90
