; test verify
func @f(%x: f32[2,3]) -> f32[2,3] {
  %a = argmax %x, axis=2 : i32[2] ; error: axis 2 of a tensor with 2 axes
  %b = cumulative add %x, axis=5 : f32[2,3] ; error: axis 5 of a tensor with 2 axes
  %c = sort %x, axis=2, keys=1 : f32[2,3] ; error: axis 2 of a tensor with 2 axes
  %d = windows %x, axes=[2], size=[1] : f32[2,3,1] ; error: axis 2 of a tensor with 2 axes
  return %x
}
