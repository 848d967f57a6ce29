; test grad wrt=k
func @f(%k: i32) -> i32 { ; error: parameter %k of type i32 has no derivative
  return %k
}
