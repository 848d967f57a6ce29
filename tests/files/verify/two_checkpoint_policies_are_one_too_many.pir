; test verify
func @f(%h: f32) -> f32 {
  %y = scan %h, length=4, consts=0, carry=1, checkpoint=recompute, checkpoint_every=2 : f32 ; error: more than one checkpoint policy, expected one
    body(%h1: f32) {
      yield %h1
    }
  return %y
}
