; test verify
func @f(%x: f32[2,3]) {
  %a = reduce add %x, axes=[1,0] : f32 ; error: the axes [1, 0] are not strictly increasing
  %b = reduce add %x, axes=[2] : f32 ; error: axis 2 of a tensor with 2 axes
  return
}
