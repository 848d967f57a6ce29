; test loops
func @f(%x: f64[9], %first: f64[1]) -> (f64[9], f64[10]) {
  %a = mul %x, %x : f64[9]
  %b = add %a, %x : f64[9]
  %y = concatenate %first, %b, axis=0 : f64[10]
  return %a, %y
}
; count: 1 kernel
; count: 1 for
; check-not: load %a
; check: store %a[i0]
; check: store %y[i0 + 1]
; check: store %a[8]
; input: %x = [1, 2, 3, 4, 5, 6, 7, 8, 9]
; input: %first = [-1]
; expect: [1, 4, 9, 16, 25, 36, 49, 64, 81]
; expect: [-1, 2, 6, 12, 20, 30, 42, 56, 72, 90]
