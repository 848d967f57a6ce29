; test verify
func @f(%x: f32[2,3], %y: f32[2,4]) {
  %a = dot %x, %y, contract=[1]x[0] : f32[2,4] ; error: contract pairs axis 1 of f32[2,3] with axis 0 of f32[2,4]
  %b = dot %x, %y, contract=[0]x[0] : f32[3,4]
  %c = dot %x, %y, batch=[0]x[0], contract=[0]x[0] : f32[2,3,4] ; error: axis 0 of the left operand is named twice
  return
}
