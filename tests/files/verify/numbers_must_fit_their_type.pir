; test verify
func @f() {
  %a = constant 256 : u8 ; error: expected a u8: an integer from 0 to 255
  %b = constant 1.5 : i32 ; error: expected an i32
  %c = constant 1e39 : f32 ; error: expected an f32
  %d = constant 0 : bool ; error: expected a bool
  return
}
