; test grad
func @f(%x: f32) -> f64 {
  %w = convert %x : f64
  %y = mul %w, %w : f64
  return %y
}
; check: %x_ct = convert %w_ct : f32
; input: %x = 1.5
; expect: 3.0
