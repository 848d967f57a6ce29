; test fuse
func @f(%m: f32[64,16], %w: f32[64,16,16], %x: f32[2048,16]) -> (f32[64], f32[64,16]) {
  %l = exp %w : f32[64,16,16]
  %a = broadcast %x, dims=[0,2] : f32[2048,64,16]
  %b = broadcast %m, dims=[1,2] : f32[2048,64,16]
  %c = sub %a, %b : f32[2048,64,16]
  %d = dot %c, %l, batch=[1]x[0], contract=[2]x[2] : f32[64,2048,16]
  %t = transpose %d, perm=[1,0,2] : f32[2048,64,16]
  %q = mul %t, %c : f32[2048,64,16]
  %s = reduce add %q, axes=[2] : f32[2048,64]
  %h = reduce max %s, axes=[1] : f32[2048]
  %hs = broadcast %h, dims=[0] : f32[2048,64]
  %e = sub %s, %hs : f32[2048,64]
  %p = exp %e : f32[2048,64]
  %ps = broadcast %p, dims=[0,1] : f32[2048,64,16]
  %u = mul %ps, %t : f32[2048,64,16]
  %g = reduce add %u, axes=[0] : f32[64,16]
  %r = reduce add %p, axes=[0] : f32[64]
  return %r, %g
}
; Tiles of the 64 products begin with %l and would have the product at hand, and its factor from memory; tiles of rows have all of it.
; check: ; tiles over 64 on several threads: region 0
; check: ; tiles over 2048 on several threads: regions 1 to 7
; check: in memory one tile at a time: %c (8388608 bytes), %d (8388608 bytes)
