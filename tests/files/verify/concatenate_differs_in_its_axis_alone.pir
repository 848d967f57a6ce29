; test verify
func @f(%x: f32[2,3], %y: f32[2,4]) {
  %a = concatenate %x, %y, axis=1 : f32[2,7]
  %b = concatenate %x, %y, axis=0 : f32[4,3] ; error: operand 1 is f32[2,4], which differs from f32[2,3] in more than axis 0
  return
}
