; test optimize
func @step(%a: f64[1], %x: f64[299], %y: f64[300]) -> (f64[300], f64[299]) {
  %f = slice %y, start=[0], limit=[299] : f64[299]
  %p = mul %x, %f : f64[299]
  %k = concatenate %a, %p, axis=0 : f64[300]
  %kf = slice %k, start=[0], limit=[299] : f64[299]
  %m = sub %f, %kf : f64[299]
  %r = add %y, %k : f64[300]
  return %r, %m
}
; check-not: concatenate %a
; count: 2 concatenate
; input: %a = 3.0, %x = 1.0, %y = 3.0
; expect: 6.0
; expect: 0.0
