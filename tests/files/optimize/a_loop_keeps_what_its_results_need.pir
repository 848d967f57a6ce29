; test optimize pass=eliminate_dead_code
func @f(%x: f64[3]) -> f64 {
  %zero = constant 0.0 : f64
  %sum, %product, %ys = scan %zero, %zero, %x, length=3, consts=0, carry=2 : f64, f64, f64[3]
    body(%s: f64, %p: f64, %e: f64) {
      %s1 = add %s, %e : f64
      %p1 = mul %p, %e : f64
      %y = exp %e : f64
      yield %s1, %p1, %y
    }
  return %sum
}
; count: 0 mul
; count: 0 exp
; check: %sum = scan %zero, %x, length=3, consts=0, carry=1 : f64
; input: %x = [1, 2, 3]
; expect: 6
