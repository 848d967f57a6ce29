; test verify
func @f(%x: f32[2,3], %y: f32[3]) {
  %z = add %x, %y : f32[2,3] ; error: operands of types f32[2,3] and f32[3], expected one type
  return
}
