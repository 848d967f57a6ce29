; test verify
func @f(%a: f32[2,3], %b: f32[2,2], %c: f32[3,1], %k: i64[2]) -> f32[2,3] {
  %x = cholesky %a : f32[2,3] ; error: the operand f32[2,3] is not square in its last two axes
  %y = triangular_solve %b, %c, left=true : f32[3,1] ; error: axis 0 of f32[3,1] has extent 3, expected 2 as the matrix f32[2,2] has
  %z = random_bits %k : i32[3] ; error: operands of types i64[2] and i32[2], expected one type
  return %a
}
