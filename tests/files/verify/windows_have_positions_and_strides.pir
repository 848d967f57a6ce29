; test verify
func @f(%x: f32[9], %s: f32[8]) -> f32[9] {
  %a = windows %x, axes=[0], size=[0] : f32[9,0] ; error: axis 0: size 0, stride 1, dilation 1, expected at least 1
  %b = windows %x, axes=[0], size=[2,2] : f32[8,2,2] ; error: size has 2 entries, expected 1
  %c = reduce_window add %x, size=[2], low=[-6], high=[-6] : f32[1] ; error: axis 0: padding -6 and -6 around 9 positions
  %d = overlap_add %s, axes=[0], size=[2] : f32[9] ; error: the operand is f32[8], expected extents [8, 2] for windows of the result [9]
  %e = select_and_scatter max %x, %s, size=[3] : f32[9] ; error: the source is f32[8], expected f32[7]
  return %x
}
