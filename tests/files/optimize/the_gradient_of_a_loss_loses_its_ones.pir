; test optimize derive wrt=w
func @f(%x: f64[3], %w: f64[3]) -> f64 {
  %p = mul %x, %w : f64[3]
  %s = reduce add %p, axes=[0] : f64
  return %s
}
; count: 1 mul
; count: 0 constant
; check: return %s, %x
; input: %x = [1, 2, 3], %w = [4, 5, 6]
; expect: 32
; expect: [1, 2, 3]
