; test grad wrt=b
func @f(%x: f32[4,3], %w: f32[3,2], %b: f32[2]) -> f32 {
  %y = dot %x, %w, contract=[1]x[0] : f32[4,2]
  %bias = broadcast %b, dims=[1] : f32[4,2]
  %z = add %y, %bias : f32[4,2]
  %sq = mul %z, %z : f32[4,2]
  %s = reduce add %sq, axes=[0,1] : f32
  return %s
}
; count: 1 dot
; check: %b_ct = reduce add
; check-not: w_ct
