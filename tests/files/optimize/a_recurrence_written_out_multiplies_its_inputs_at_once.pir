; test optimize
func @rnn(%w: f32[8,8], %u: f32[8,8], %x: f32[4,2,8]) -> f32[2,8] {
  %s0 = slice %x, start=[0,0,0], limit=[1,2,8] : f32[1,2,8]
  %x0 = reshape %s0 : f32[2,8]
  %b0 = dot %x0, %u, contract=[1]x[0] : f32[2,8]
  %h0 = tanh %b0 : f32[2,8]
  %s1 = slice %x, start=[1,0,0], limit=[2,2,8] : f32[1,2,8]
  %x1 = reshape %s1 : f32[2,8]
  %b1 = dot %x1, %u, contract=[1]x[0] : f32[2,8]
  %a1 = dot %h0, %w, contract=[1]x[0] : f32[2,8]
  %c1 = add %a1, %b1 : f32[2,8]
  %h1 = tanh %c1 : f32[2,8]
  %s2 = slice %x, start=[2,0,0], limit=[3,2,8] : f32[1,2,8]
  %x2 = reshape %s2 : f32[2,8]
  %b2 = dot %x2, %u, contract=[1]x[0] : f32[2,8]
  %a2 = dot %h1, %w, contract=[1]x[0] : f32[2,8]
  %c2 = add %a2, %b2 : f32[2,8]
  %h2 = tanh %c2 : f32[2,8]
  %s3 = slice %x, start=[3,0,0], limit=[4,2,8] : f32[1,2,8]
  %x3 = reshape %s3 : f32[2,8]
  %b3 = dot %x3, %u, contract=[1]x[0] : f32[2,8]
  %a3 = dot %h2, %w, contract=[1]x[0] : f32[2,8]
  %c3 = add %a3, %b3 : f32[2,8]
  %h3 = tanh %c3 : f32[2,8]
  return %h3
}
; check: reshape %x : f32[8,8]
; check: dot %0, %u
; count: 4 dot
; check: tanh %b0
; check: dot %h0, %w
