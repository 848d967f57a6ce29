; test verify
func @f() {
  %a = iota axis=1 : i32[3] ; error: axis 1 of a tensor with 1 axes
  %b = iota axis=0 : bool[3] ; error: result of type bool[3]
  return
}
