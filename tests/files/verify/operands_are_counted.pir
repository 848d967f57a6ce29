; test verify
func @f(%x: f32) {
  %a = add %x : f32 ; error: 1 operands, expected 2
  %b = exp %x, %x : f32 ; error: 2 operands, expected 1
  %c = clamp %x, %x : f32 ; error: 2 operands, expected 3
  %d = constant 1.0 %x : f32 ; error: 1 operands, expected 0
  return
}
