; test verify
func @f(%p: bool, %x: f32[2]) {
  %y = select %p, %x, %x : f32[2] ; error: the predicate is bool, expected bool[2]
  return
}
