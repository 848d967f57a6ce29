; test optimize
func @layers(%x: f32[4096,16], %w: f32[16,8192], %v: f32[8192,16]) -> f32[4096,16] {
  %h = dot %x, %w, contract=[1]x[0] : f32[4096,8192]
  %a = tanh %h : f32[4096,8192]
  %y = dot %a, %v, contract=[1]x[0] : f32[4096,16]
  return %y
}
; count: 0 scan
