; test verify
func @f(%x: i32[2]) {
  %y = exp %x : i32[2] ; error: operand of type i32[2], expected f32 or f64
  return
}
