; test verify
func @f() {
  %a = constant [[1, 2], [3]] : f32[2,2] ; error: a list of 1 entries, expected 2 as in the lists before
  %b = constant [1, 2, 3] : f32[2] ; error: the lists have the shape [3], expected that of f32[2]
  return
}
