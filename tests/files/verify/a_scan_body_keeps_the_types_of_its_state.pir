; test verify
func @f(%h: f32, %x: f32[3]) -> f32 {
  %y = scan %h, %x, length=3, consts=0, carry=1 : f32 ; error: the carry that the body yields: value 0 is i32, expected f32
    body(%h1: f32, %x1: f32) {
      %a = convert %h1 : i32
      yield %a
    }
  return %y
}
