; test fuse
; All distances of points and centres are read twice; the points and centres are far fewer bytes than the differences.
func @f(%x: f64[1000,8], %c: f64[10,8]) -> (f64[1000,10], f64[10,8]) {
  %p = broadcast %x, dims=[0,2] : f64[1000,10,8]
  %q = broadcast %c, dims=[1,2] : f64[1000,10,8]
  %d = sub %p, %q : f64[1000,10,8]
  %s = mul %d, %d : f64[1000,10,8]
  %l = reduce add %s, axes=[2] : f64[1000,10]
  %g = reduce add %d, axes=[0] : f64[10,8]
  return %l, %g
}
; check: loop over [1000,10], stores %l
; check: loop over [10,8], stores %g
; check-not: stores %d
