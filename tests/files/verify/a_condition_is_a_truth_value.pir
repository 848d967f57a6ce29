; test verify
func @f(%h: f32) -> f32 {
  %y = while %h, consts=0 : f32 ; error: what the condition yields: value 0 is f32, expected bool
    cond(%a: f32) {
      yield %a
    }
    body(%b: f32) {
      yield %b
    }
  return %y
}
