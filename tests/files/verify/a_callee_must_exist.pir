; test verify
func @f(%x: f32) {
  %a = call @h %x : f32 ; error: there is no function @h in this text
  return
}
