; test verify
func @f(%x: f32[2], %n: u8[2], %p: bool[2]) {
  %y = and %x, %x : f32[2] ; error: operands of type f32[2], expected bool, i32, i64 or u8
  %z = not %x : f32[2] ; error: operand of type f32[2], expected bool, i32, i64 or u8
  %w = reduce or %n, axes=[0] : u8 ; error: operand of type u8[2], expected bool
  %s = shift_left %p, %p : bool[2] ; error: operands of type bool[2], expected i32, i64 or u8
  return
}
