; test verify
func @f(%x: f32[2], %p: bool[2]) -> f32[2] {
  %a = bitcast %x : i64[2] ; error: the operand f32[2] and i64 differ in width
  %b = bitcast %p : u8[2] ; error: the operand bool[2] and u8 differ in width
  return %x
}
