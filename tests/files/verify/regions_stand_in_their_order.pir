; test verify
func @f(%p: bool, %x: f32) -> f32 {
  %y = cond %p, %x : f32
    else(%b: f32) { ; error: expected the region `then(…) { … }` of `cond`
      yield %b
    }
  return %y
}
