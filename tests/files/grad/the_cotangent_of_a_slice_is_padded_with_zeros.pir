; test grad mode=vjp
func @f(%x: f64[5]) -> f64[2] {
  %y = slice %x, start=[1], limit=[5], stride=[2] : f64[2]
  return %y
}
; check: %x_ct = pad %y_ct
; check: interior=[1]
; input: %x = [1, 2, 3, 4, 5], %y_ct = [7, 8]
; expect: [2, 4]
; expect: [0, 7, 0, 8, 0]
