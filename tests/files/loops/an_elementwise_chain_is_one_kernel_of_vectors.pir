; test loops
func @f(%x: f32[64,64], %b: f32[64]) -> f32[64,64] {
  %bias = broadcast %b, dims=[1] : f32[64,64]
  %y = add %x, %bias : f32[64,64]
  %z = abs %y : f32[64,64]
  return %z
}
; count: 1 kernel
; check: arena 0
; check: load %x[64*i0 + i1] : f32x4
; check: load %b[i1] : f32x4
; check: store %z[64*i0 + i1]
; input: %x = -3, %b = 1
; expect: 2
