; test verify
func @f(%x: f32[16777216,16777216]) {
  %a = constant 0.0 : f32[16777217,16777216] ; error: has too many elements: at most 2^48 are supported
  %c = constant 0.0 : f32[0,16777217,16777216] ; error: has too many elements
  %d = constant 0.0 : f32[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1] ; error: more than 16 dimensions
  return
}
