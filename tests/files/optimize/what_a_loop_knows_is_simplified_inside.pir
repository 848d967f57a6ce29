; test optimize
func @f(%x: f64[3], %w: f64) -> (f64, f64) {
  %one = constant 1.0 : f64
  %a, %b = scan %one, %w, %w, %x, length=3, consts=1, carry=2 : f64, f64
    body(%k: f64, %s: f64, %same: f64, %e: f64) {
      %t = mul %s, %k : f64
      %r = exp %same : f64
      %u = mul %e, %r : f64
      %v = add %t, %u : f64
      yield %v, %same
    }
  return %a, %b
}
; count: 1 mul
; check: %r = exp %w : f64
; check: scan %r, %w, %x, length=3, consts=1, carry=1 : f64
; check: return %a, %w
; input: %x = [1, 2, 3], %w = 0
; expect: 6
; expect: 0
