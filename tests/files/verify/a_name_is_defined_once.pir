; test verify
func @f(%x: f32) {
  %a = neg %x : f32
  %a = exp %x : f32 ; error: `%a` is defined twice, expected another name
  return
}

func @f() { ; error: there are two functions @f, expected different names
  return
}
