; test verify
func @f(%x: f32) -> (f32, f32) {
  return %x ; error: returns f32, expected f32, f32 as the head of @f says
}
