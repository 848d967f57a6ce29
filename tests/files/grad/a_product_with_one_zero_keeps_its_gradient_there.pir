; test grad
func @f(%x: f64[3]) -> f64 {
  %p = reduce mul %x, axes=[0] : f64
  return %p
}
; input: %x = [2, 0, 5]
; expect: [0, 10, 0]
; input: %x = [2, 0, 0]
; expect: [0, 0, 0]
; input: %x = [2, 3, 5]
; expect: [15, 10, 6]
