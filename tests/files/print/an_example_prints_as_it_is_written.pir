; test print
func @loss(%x: f32[128,784], %w: f32[784,10], %b: f32[10]) -> f32 {
  %y = dot %x, %w, contract=[1]x[0] : f32[128,10]
  %bias = broadcast %b, dims=[1] : f32[128,10]
  %z = add %y, %bias : f32[128,10]
  %sq = mul %z, %z : f32[128,10]
  %s = reduce add %sq, axes=[0,1] : f32
  return %s
}
