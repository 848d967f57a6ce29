; test fuse
func @f(%s: f32[512,160], %c: f32[512,160,32]) -> (f32[160,32,32], f32[160,32]) {
  %h = reduce max %s, axes=[1] : f32[512]
  %hs = broadcast %h, dims=[0] : f32[512,160]
  %e = sub %s, %hs : f32[512,160]
  %p = exp %e : f32[512,160]
  %t = reduce add %p, axes=[1] : f32[512]
  %ts = broadcast %t, dims=[0] : f32[512,160]
  %w = div %p, %ts : f32[512,160]
  %ws = broadcast %w, dims=[0,1] : f32[512,160,32]
  %z = mul %ws, %c : f32[512,160,32]
  %o = dot %z, %c, batch=[1]x[1], contract=[0]x[0] : f32[160,32,32]
  %r = reduce add %z, axes=[0] : f32[160,32]
  return %o, %r
}
; The rows in which the weights are made could make %z as well, but not fold it for the product: its totals are too large.
; check: ; tiles over 160 on several threads
; check: in memory one tile at a time: %z (10485760 bytes)
