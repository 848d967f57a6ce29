; test grad mode=forward
func @f(%w: f64, %h: f64, %x: f64[3]) -> f64 {
  %y = scan %w, %h, %x, length=3, consts=1, carry=1 : f64
    body(%w1: f64, %h1: f64, %x1: f64) {
      %a = mul %w1, %h1 : f64
      %b = add %a, %x1 : f64
      yield %b
    }
  return %y
}
; count: 1 scan
; input: %w = 2.0, %h = 1.0, %x = [1.0, 10.0, 100.0], %w_t = 1.0, %h_t = 0.0, %x_t = 0.0
; expect: 132.0
; expect: 26.0
