; test verify
func @f(%x: f32[2]) {
  %y = compare lt %x, %x : f32[2] ; error: the result is declared f32[2], expected bool[2]
  return
}
