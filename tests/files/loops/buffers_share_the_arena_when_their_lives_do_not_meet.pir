; test loops
func @shares(%x: f32[64,64]) -> f32[64,64] {
  %m = reduce max %x, axes=[1] : f32[64]
  %mb = broadcast %m, dims=[0] : f32[64,64]
  %c = sub %x, %mb : f32[64,64]
  %e = exp %c : f32[64,64]
  %s = reduce add %e, axes=[0] : f32[64]
  %sb = broadcast %s, dims=[1] : f32[64,64]
  %y = div %e, %sb : f32[64,64]
  return %y
}
; check: buffer %m : f32[64] arena 0
; check: buffer %s : f32[64] arena 0
; input: %x = 7
; expect: 0.015625
