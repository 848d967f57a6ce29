; test verify
func @f(%h: f32, %x: f32[3,2]) -> f32 {
  %y = scan %h, %x, length=3, consts=0, carry=1 : f32 ; error: the parameters of the body: value 1 is f32[3,2], expected f32[2]
    body(%h1: f32, %x1: f32[3,2]) {
      yield %h1
    }
  return %y
}
