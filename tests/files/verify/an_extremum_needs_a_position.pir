; test verify
func @f(%x: f32[2,0]) -> i32[2] {
  %a = argmin %x, axis=1 : i32[2] ; error: axis 1 of f32[2,0] has no positions
  %b = argmax %x, axis=1 : u8[2] ; error: positions of type u8, expected i32 or i64
  return %a
}
