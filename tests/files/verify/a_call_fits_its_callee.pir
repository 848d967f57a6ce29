; test verify
func @f(%x: f32[2]) {
  %a = call @g %x : f32 ; error: argument 0 of @g is f32[2], expected f32
  %b = call @g : f32 ; error: @g takes 1 arguments, found 0
  return
}

func @g(%x: f32) -> f32 {
  return %x
}
