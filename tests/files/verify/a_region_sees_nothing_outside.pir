; test verify
func @f(%w: f32, %h: f32) -> f32 {
  %y = scan %h, length=3, consts=0, carry=1 : f32
    body(%h1: f32) {
      %a = mul %h1, %w : f32 ; error: found `%w`, expected a value defined before in this region; what is outside is passed in as an operand
      yield %a
    }
  return %y
}
