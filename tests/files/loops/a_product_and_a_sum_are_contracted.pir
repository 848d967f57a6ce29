; test loops
func @f(%x: f64[8], %y: f64[8], %z: f64[8]) -> f64[8] {
  %p = mul %x, %y : f64[8]
  %s = add %p, %z : f64[8]
  return %s
}
; count: 1 mul_add
; count: 0 mul
; input: %x = 2, %y = 3, %z = 4
; expect: 10
