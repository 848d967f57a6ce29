; test print
func @main(%x: f32) -> (f32, f32) {
  %a, %b = call @two %x : f32, f32
  call @none %x
  return %b, %a
}

func @two(%x: f32) -> (f32, f32) {
  return %x, %x
}

func @none(%x: f32) {
  return
}
