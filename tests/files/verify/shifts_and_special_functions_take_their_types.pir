; test verify
func @f(%x: f32, %n: i32) -> f32 {
  %a = shift_left %x, %x : f32 ; error: operands of type f32, expected i32, i64 or u8
  %b = lgamma %n : i32 ; error: operand of type i32, expected f32 or f64
  %c = and %x, %x : f32 ; error: operands of type f32, expected bool, i32, i64 or u8
  %d = polygamma %n, %n : i32 ; error: operands of type i32, expected f32 or f64
  %e = cumulative logsumexp %n, axis=0 : i32 ; error: operand of type i32, expected f32 or f64
  return %x
}
