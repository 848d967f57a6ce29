; test verify
func @f(%x: f32[3]) {
  %a = broadcast %x, dims=[0] : f32[2,3] ; error: axis 0 of the operand f32[3] becomes axis 0 of [2,3]
  %b = broadcast %x, dims=[2] : f32[2,3] ; error: axis 2 of a tensor with 2 axes
  %c = broadcast %x, dims=[] : f32[2,3] ; error: dims has 0 entries, the operand f32[3] has 1 axes
  return
}
