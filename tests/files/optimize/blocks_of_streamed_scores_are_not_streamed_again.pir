; test optimize
; A block of 512 keys of all four heads is 32 MiB, and large beside what it is computed from.
func @attention(%q: f32[4,4096,32], %k: f32[4,4096,32], %v: f32[4,4096,32]) -> f32[4,4096,32] {
  %s = dot %q, %k, batch=[0]x[0], contract=[2]x[2] : f32[4,4096,4096]
  %m = reduce max %s, axes=[2] : f32[4,4096]
  %b = broadcast %m, dims=[0,1] : f32[4,4096,4096]
  %t = sub %s, %b : f32[4,4096,4096]
  %e = exp %t : f32[4,4096,4096]
  %l = reduce add %e, axes=[2] : f32[4,4096]
  %d = broadcast %l, dims=[0,1] : f32[4,4096,4096]
  %p = div %e, %d : f32[4,4096,4096]
  %o = dot %p, %v, batch=[0]x[0], contract=[2]x[1] : f32[4,4096,32]
  return %o
}
; count: 1 scan
; check: f32[4,4096,512]
