; test interpret
func @f(%x: f64[2,3]) -> (f64[3], f64[2], f64, f64[2,3], f64[2], f64[2]) {
  %a = reduce add %x, axes=[0] : f64[3]
  %b = reduce mul %x, axes=[1] : f64[2]
  %c = reduce add %x, axes=[0,1] : f64
  %d = reduce add %x, axes=[] : f64[2,3]
  %e = reduce max %x, axes=[1] : f64[2]
  %g = reduce min %x, axes=[1] : f64[2]
  return %a, %b, %c, %d, %e, %g
}
; input: %x = [[1, 2, 3], [4, 5, 6]]
; expect: [5, 7, 9]
; expect: [6, 120]
; expect: 21
; expect: [[1, 2, 3], [4, 5, 6]]
; expect: [3, 6]
; expect: [1, 4]
