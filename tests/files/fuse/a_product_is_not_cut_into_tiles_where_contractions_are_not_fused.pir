; test fuse fusion=reductions
func @f(%x: f32[512,256], %w: f32[256,512]) -> f32[512,512] {
  %y = dot %x, %w, contract=[1]x[0] : f32[512,512]
  %e = exp %y : f32[512,512]
  %s = reduce add %e, axes=[1] : f32[512]
  %b = broadcast %s, dims=[0] : f32[512,512]
  %z = div %e, %b : f32[512,512]
  return %z
}
; check: ; region 0: packed matrix product, stores %y
; check: ; tiles over 512 on several threads: regions 1 to 3
; check: in memory one tile at a time: %e (1048576 bytes), %s (2048 bytes)
; input: %x = 0.0, %w = 1.0
; expect: 0.001953125
