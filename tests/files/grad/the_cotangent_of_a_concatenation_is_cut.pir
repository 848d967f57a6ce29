; test grad mode=vjp
func @f(%x: f64[2], %y: f64[1]) -> f64[5] {
  %z = concatenate %x, %y, %x, axis=0 : f64[5]
  return %z
}
; input: %x = [1, 2], %y = 3, %z_ct = [10, 20, 30, 40, 50]
; expect: [1, 2, 3, 1, 2]
; expect: [50, 70]
; expect: [30]
