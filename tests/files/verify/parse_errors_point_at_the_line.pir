; test verify
func @f(%x: f32[2]) -> f32[2] {
  %a = ad %x, %x : f32[2] ; error: found `ad`, expected an operation, did you mean `add`?
  %b = add %x, %missing : f32[2] ; error: found `%missing`, expected a value defined before
  %c = add %a, %b : f32[2]
  return %c
}
