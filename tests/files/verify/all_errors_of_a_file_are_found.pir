; test verify
func @f(%x: f32[2], %b: bool[2]) -> f32[2] {
  %a = add %x, %b : f32[2] ; error: operands of types f32[2] and bool[2], expected one type
  %c = exp %b : bool[2]
  ; error: operand of type bool[2], expected f32 or f64
  %d = neg %x : f64[2] ; error: the result is declared f64[2], expected f32[2]
  return %x
}

func @g() {
  call @g ; error: a call of @g closes a cycle of calls
  return
}
