; test verify
func @f(%p: bool, %x: f32) -> f32 {
  %y = cond %p, %x : f32
    then(%a: f32) {
      yield %a
    }
    else(%a: f32) { ; error: `%a` is defined twice, expected another name
      yield %a ; error: found `%a`, expected a value defined before in this region
    }
  return %y
}
