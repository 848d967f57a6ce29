; test verify
func @f(%x: f32[2,3], %i: i32, %g: f32) -> f32[2,3] {
  %a = dynamic_slice %x, %i : f32[1,1] ; error: 1 starts, the operand f32[2,3] has 2 axes
  %b = dynamic_slice %x, %i, %i : f32[3,3] ; error: a box of shape [3,3] does not fit into f32[2,3]
  %c = dynamic_slice %x, %i, %g : f32[1,1] ; error: a start of type f32, expected integer scalars of one type
  %d = dynamic_update_slice %x, %i, %i, %i : f32[2,3] ; error: the operands f32[2,3] and i32 differ in element type
  return %x
}
