; test verify
func @even(%x: i32) -> i32 {
  %y = call @odd %x : i32
  return %y
}

func @odd(%x: i32) -> i32 {
  %y = call @even %x : i32 ; error: a call of @even closes a cycle of calls
  return %y
}
