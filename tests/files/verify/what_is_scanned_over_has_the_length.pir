; test verify
func @f(%h: f32, %x: f32[3]) -> f32 {
  %y = scan %h, %x, length=4, consts=0, carry=1 : f32 ; error: f32[3] is scanned over, expected 4 positions on axis 0
    body(%h1: f32, %x1: f32) {
      yield %h1
    }
  return %y
}
