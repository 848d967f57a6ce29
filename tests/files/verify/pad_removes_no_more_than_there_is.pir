; test verify
func @f(%x: f32[5], %v: f32) {
  %y = pad %x, %v, low=[-3], high=[-3] : f32[0] ; error: padding -3 and -3 around 5 positions gives the extent -1
  %z = pad %x, %x, low=[0], high=[0] : f32[5] ; error: the padding value is f32[5], expected f32
  return
}
