; test fuse
func @f(%x: f32[64,64], %b: f32[64]) -> f32[64,64] {
  %bias = broadcast %b, dims=[1] : f32[64,64]
  %y = add %x, %bias : f32[64,64]
  %z = neg %y : f32[64,64]
  return %z
}
; check: ; region 0: loop over [64,64], stores %z
; check-not: region 1
