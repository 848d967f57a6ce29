; test verify
func @f(%x: f32, %y: f64) {
  %z = mul %x, %y : f64 ; error: operands of types f32 and f64, expected one type
  return
}
