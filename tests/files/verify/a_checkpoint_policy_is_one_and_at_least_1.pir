; test verify
func @f(%h: f32) -> (f32, f32) {
  %y = scan %h, length=4, consts=0, carry=1, checkpoint_every=0 : f32 ; error: a checkpoint policy with 0, expected at least 1
    body(%h1: f32) {
      yield %h1
    }
  %z = scan %h, length=4, consts=0, carry=1, checkpoint_slots=0 : f32 ; error: a checkpoint policy with 0, expected at least 1
    body(%h2: f32) {
      yield %h2
    }
  return %y, %z
}
