; test interpret
func @f(%x: f32[3], %i: i32[1], %u: f32[1]) -> f32[3] {
  %y = scatter add %x, %i, %u, offset=[], collapsed=[0], map=[0], vector_axis=1, mode=clamp : f32[3]
  return %y
}
; input: %x = [-0.0, 1.0, -0.0], %i = [9], %u = [2.0]
; expect: [-0.0, 1.0, 2.0]
