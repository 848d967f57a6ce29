; test verify
func @f(%x: f32[4], %i: i32[3]) -> f32[3] {
  %a = gather %x, %i, offset=[], collapsed=[0], map=[0], vector_axis=1, mode=wrap, sizes=[1] : f32[3] ; error: expected `mode=clamp` or `mode=drop`
  return %a
}
