; test fuse
func @f(%x: f32[512,512]) -> f32[512,512] {
  %e = exp %x : f32[512,512]
  %s = reduce add %e, axes=[1] : f32[512]
  %b = broadcast %s, dims=[0] : f32[512,512]
  %y = div %e, %b : f32[512,512]
  return %y
}
; check: ; tiles over 512 on several threads: regions 0 to 2
; check: bytes of traffic saved
; check: in region 0: along axis 0
; check: in region 2: along axis 0
; check: in memory one tile at a time: %e (1048576 bytes), %s (2048 bytes)
; check: ; region 0: loop over [512,512], stores %e
; input: %x = 0.0
; expect: 0.001953125
