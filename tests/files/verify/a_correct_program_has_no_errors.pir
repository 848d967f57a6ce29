; test verify
func @f(%x: f32[2]) -> f32[2] {
  %y = call @g %x : f32[2]
  return %y
}

func @g(%x: f32[2]) -> f32[2] {
  return %x
}
