; test verify
func @f(%x: f32[2,3]) {
  %y = reshape %x : f32[4,2] ; error: the operand f32[2,3] has 6 elements, the shape [4,2] has 8
  return
}
