; test fuse
func @f(%a: f32[4096,64], %b: f32[512,64], %c: f32[4096,64], %d: f32[512,64]) -> f32[512,64] {
  %p = dot %a, %b, contract=[1]x[1] : f32[4096,512]
  %q = dot %c, %d, contract=[1]x[1] : f32[4096,512]
  %e = exp %p : f32[4096,512]
  %m = mul %e, %q : f32[4096,512]
  %r = dot %m, %a, contract=[0]x[0] : f32[512,64]
  return %r
}
; check: ; tiles over 4096 on several threads: regions 0 to 3
; check: in memory one tile at a time
; check: %p (8388608 bytes)
; check: %q (8388608 bytes)
; check: %m (8388608 bytes)
; input: %a = 0.0, %b = 0.0, %c = 1.0, %d = 0.5
; expect: 0.0
