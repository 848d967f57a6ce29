; test verify
func @f(%x: f32[16777216,16777216]) {
  %b = dot %x, %x : f32[1] ; error: has too many elements
  return
}
