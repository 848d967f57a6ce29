; test verify
func @f(%x: u8[2]) {
  %y = and %x, %x : u8[2] ; error: operands of type u8[2], expected bool
  %z = not %x : u8[2] ; error: operand of type u8[2], expected bool
  %w = reduce or %x, axes=[0] : u8 ; error: operand of type u8[2], expected bool
  return
}
