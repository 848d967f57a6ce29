; test grad
func @f(%w: f64, %h: f64, %x: f64[3]) -> f64 {
  %y = scan %w, %h, %x, length=3, consts=1, carry=1, checkpoint_every=2 : f64
    body(%w1: f64, %h1: f64, %x1: f64) {
      %a = mul %w1, %h1 : f64
      %b = add %a, %x1 : f64
      yield %b
    }
  return %y
}
; check: optimization_barrier
; input: %w = 2.0, %h = 1.0, %x = [1.0, 10.0, 100.0]
; expect: 26.0
; expect: 8.0
; expect: [4.0, 2.0, 1.0]
