; test verify
func @f(%x: bool[2]) {
  %y = add %x, %x : bool[2] ; error: operands of type bool[2]
  %z = neg %x : bool[2] ; error: operand of type bool[2]
  %w = reduce max %x, axes=[0] : bool ; error: operand of type bool[2]
  %d = dot %x, %x, contract=[0]x[0] : bool ; error: operands of type bool[2]
  return
}
