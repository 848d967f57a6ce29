; test verify
func @f(%x: f32) {
  %a = neg %b : f32 ; error: found `%b`, expected a value defined before
  %b = neg %x : f32
  return
}
