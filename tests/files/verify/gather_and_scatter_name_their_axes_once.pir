; test verify
func @f(%x: f32[4,5], %i: i32[3], %g: f32[3], %u: f32[3,4]) -> f32[4,5] {
  %a = gather %x, %g, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp, sizes=[1,5] : f32[3,5] ; error: the indices are f32[3], expected an integer type
  %b = gather %x, %i, offset=[1], collapsed=[0], map=[0,1], vector_axis=1, mode=clamp, sizes=[1,5] : f32[3,5] ; error: map has 2 axes, an index vector of i32[3] has 1 components
  %c = gather %x, %i, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp, sizes=[2,5] : f32[3,5] ; error: axis 0 is left out of the result, where the window must have extent 1, not 2
  %d = gather %x, %i, offset=[1], collapsed=[0], map=[0], vector_axis=1, mode=clamp, sizes=[1,6] : f32[3,6] ; error: axis 1: a window of 6 positions, the operand f32[4,5] has 5
  %e = scatter add %x, %i, %u, offset=[1], collapsed=[0], map=[0], vector_axis=2, mode=drop : f32[4,5] ; error: vector_axis 2 of indices with 1 axes
  %h = scatter set %x, %i, %i, offset=[], collapsed=[0,1], map=[0], vector_axis=1, mode=drop : f32[4,5] ; error: the operand f32[4,5] and the updates i32[3] differ in element type
  return %x
}
